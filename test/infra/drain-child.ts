import { setTimeout as sleep } from 'node:timers/promises';
import { AnalyzeWorker } from '../../functions/analyze/worker.ts';
import { clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { createLogger } from '../../src/aws/logger.ts';

/** The loop of a GPU task in a process of its own, with jobs that take as long as their body says. */
const { sqs } = createClients(clientOptionsFrom(process.env));
const worker = new AnalyzeWorker({
  client: sqs,
  queueUrl: process.argv[2] ?? '',
  log: createLogger({ service: 'drain', level: 'SILENT' }),
  concurrency: 2,
  visibilitySeconds: 60,
  drainSeconds: 2,
  waitSeconds: 1,
  makeHandler: () => async (event) => {
    process.stdout.write('working\n');
    await sleep(Number(event.Records[0]?.body));
    return { batchItemFailures: [] };
  },
});
process.once('SIGTERM', async () => {
  await worker.stop();
  process.exit(0);
});
worker.start();
process.stdout.write('started\n');
