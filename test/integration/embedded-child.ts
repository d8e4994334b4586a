/**
 * A process of its own for the tests of the embedded services: `hold` serves a folder until it is killed, `write`
 * moves runs through the table and `put` replaces objects as fast as it can. Prints one line of JSON when it is ready.
 */
import { randomBytes } from 'node:crypto';
import { createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { S3ObjectStore } from '../../src/aws/s3-object-store.ts';
import { startEmbedded } from '../../src/embedded/index.ts';
import { LEASE_MS, newRun } from '../contract/new-items.ts';

const [, , mode, dataDir = ''] = process.argv;
const embedded = await startEmbedded({ dataDir });
const clients = createClients(embedded);
const runs = new DynamoRuns(clients.documents, embedded.table);

async function write(): Promise<void> {
  for (;;) {
    const { item } = await runs.createRun(newRun({ tenant: 'killed' }), Date.now());
    const detect = await runs.claimRun(item.runKey, 1, 'detect', LEASE_MS, Date.now());
    if (detect.outcome !== 'claimed') continue;
    await runs.advanceRun(detect.item, { status: 'detected', reasons: [], stage: 'detect' }, Date.now());
    const analyze = await runs.claimRun(item.runKey, 1, 'analyze', LEASE_MS, Date.now());
    if (analyze.outcome !== 'claimed') continue;
    await runs.advanceRun(analyze.item, { status: 'done', reasons: [], stage: 'analyze' }, Date.now());
    await runs.markRunAnnounced({ ...analyze.item, status: 'done' }, Date.now());
  }
}

async function put(lane: number): Promise<void> {
  const data = new S3ObjectStore(clients.s3, embedded.buckets.data);
  for (let round = 0; ; round++) {
    const body = randomBytes(round % 4 === 3 ? 1_500_000 : 20_000);
    await data.put(`killed/${lane}/${round % 7}`, body, { contentType: 'application/octet-stream' });
  }
}

if (mode === 'hold' && embedded.role === 'owner') {
  const uploads = new S3ObjectStore(clients.s3, embedded.buckets.uploads);
  await uploads.put('in/acme/u1/study.zip', Buffer.from('study'), { contentType: 'application/zip' });
  const { item } = await runs.createRun(newRun({ tenant: 'held' }), Date.now());
  await runs.claimRun(item.runKey, 1, 'detect', LEASE_MS, Date.now());
}
process.stdout.write(`${JSON.stringify({ role: embedded.role, pid: embedded.pid, endpoints: embedded.endpoints })}\n`);
if (mode === 'put') await Promise.all([0, 1, 2, 3].map(put));
if (mode === 'write') await Promise.all(Array.from({ length: 4 }, write));
setInterval(() => undefined, 60_000);
