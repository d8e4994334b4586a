import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AwsClients } from '../src/aws/clients.ts';
import { DynamoRuns } from '../src/aws/dynamo-runs.ts';
import { S3ObjectStore } from '../src/aws/s3-object-store.ts';
import type { RunItem, UploadItem } from '../src/contracts/items.ts';
import { keys, RUN_FILES } from '../src/contracts/keys.ts';
import { isTerminal } from '../src/contracts/messages.ts';
import { reportSchema } from '../src/contracts/report.ts';
import { phantomStudy } from '../src/phantom/study.ts';
import { storedZip } from '../src/phantom/zip.ts';

export interface SmokeTarget {
  readonly clients: AwsClients;
  readonly buckets: { readonly uploads: string; readonly data: string };
  readonly table: string;
}

export interface SmokeOptions {
  readonly tenant: string;
  /** For the whole check; a GPU worker starts from none. */
  readonly waitMs: number;
  readonly say: (line: string) => void;
  readonly everyMs?: number;
}

const LUMBAR_DISCS = 5;

/** The same spine each time, on another scale of grey: its content is new, so that no stored result answers. */
function drawnStudy(): Buffer {
  const study = phantomStudy({
    seed: 12,
    rows: 256,
    columns: 256,
    spacingMm: [1.015625, 1.015625],
    t2Slices: 5,
    t1Slices: 1,
    fullScale: 500 + (Date.now() % 1500),
    prolapses: [{ level: 'L4-L5', kind: 'extrusion', depthMm: 8 }],
  });
  return storedZip(study.files.map(({ name, bytes }) => ({ name, bytes })));
}

/** Puts a phantom, follows it through the table and reads its report. False, with the reason said, where it fails. */
export async function smoke(target: SmokeTarget, options: SmokeOptions): Promise<boolean> {
  const { tenant, waitMs, say, everyMs = 500 } = options;
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  const runs = new DynamoRuns(target.clients.documents, target.table);
  const until = async <T>(what: string, look: () => Promise<T | null>): Promise<T> => {
    for (;;) {
      const found = await look();
      if (found !== null) return found;
      if (Date.now() - started > waitMs) throw new SmokeFailure(`${what} within ${waitMs / 60_000} minutes`);
      await sleep(everyMs);
    }
  };
  try {
    const uploadId = `smoke-${randomUUID()}`;
    const zip = drawnStudy();
    const uploads = new S3ObjectStore(target.clients.s3, target.buckets.uploads);
    await uploads.put(keys.upload(tenant, uploadId, 'study.zip'), zip, { contentType: 'application/zip' });
    say(`uploaded   ${uploadId}, ${zip.length} bytes, tenant ${tenant} (${seconds()})`);
    const upload = await until('ingest did not end the upload', async () => {
      const [item] = await runs.getUpload(tenant, uploadId);
      return item === undefined || item.status === 'received' ? null : item;
    });
    const runKey = onlyRun(upload);
    say(`expanded   run ${runKey} (${seconds()})`);
    const run = await until('detect and analyze did not end the run', async () => {
      const item = await runs.getRun(runKey);
      return item !== null && isTerminal(item.status) ? item : null;
    });
    say(`${run.status.padEnd(10)} ${reasonsOf(run)} (${seconds()})`);
    await readReport(target, run, say);
    await until('the end was not announced', async () => ((await runs.getRun(runKey))?.announcedAt ? true : null));
    say(`PASSED in ${seconds()}`);
    return true;
  } catch (error) {
    if (!(error instanceof SmokeFailure)) throw error;
    say(`FAILED: ${error.message}`);
    return false;
  }
}

/** The stage does not do what it should; anything else that is thrown is a fault of the call. */
class SmokeFailure extends Error {
  override readonly name = 'SmokeFailure';
}

const reasonsOf = ({ reasons }: RunItem | UploadItem): string =>
  reasons.length === 0 ? 'without reasons' : reasons.map(({ code }) => code).join(', ');

function onlyRun(upload: UploadItem): string {
  const [runKey] = upload.runs;
  if (upload.status !== 'expanded' || runKey === undefined || upload.runs.length !== 1)
    throw new SmokeFailure(`the upload ended ${upload.status} with ${upload.runs.length} runs: ${reasonsOf(upload)}`);
  return runKey;
}

async function readReport({ clients, buckets }: SmokeTarget, run: RunItem, say: SmokeOptions['say']): Promise<void> {
  if (run.status !== 'done' && run.status !== 'needs_review')
    throw new SmokeFailure(`the run ended ${run.status}: ${reasonsOf(run)}`);
  const data = new S3ObjectStore(clients.s3, buckets.data);
  const bytes = await data.get(keys.run(run.tenant, run.studyKey, run.runKey, RUN_FILES.report));
  if (bytes === null) throw new SmokeFailure('the run has ended and there is no report.json');
  const parsed = reportSchema.safeParse(JSON.parse(bytes.toString('utf8')));
  if (!parsed.success) throw new SmokeFailure('report.json does not follow its schema');
  const { discs, models } = parsed.data;
  if (discs.length < LUMBAR_DISCS)
    throw new SmokeFailure(`${discs.length} discs were found in a spine of ${LUMBAR_DISCS}`);
  for (const { level, herniation, bulgeOrHerniation } of discs)
    say(`  ${level}  herniation ${herniation.probability}  bulge or herniation ${bulgeOrHerniation.probability}`);
  say(`  pack ${models?.pack} ${models?.version}, tier ${models?.tier}`);
}
