import { createStageHandler, type Redelivery, type StageHandler } from '../../src/aws/stage-handler.ts';
import { failUploadOnLastReceive, type IngestDeps, ingestRecord } from '../../src/pipeline/ingest-stage.ts';
import { parseS3Record, s3RecordsOf } from '../../src/pipeline/s3-record.ts';

export interface IngestHandlerOptions extends Redelivery {
  readonly deps: IngestDeps;
  readonly uploadsBucket: string;
  /** The deployment's tenants; absent on one machine, where a tenant is whoever uploads. */
  readonly tenants?: readonly string[];
  readonly invocationTrace?: () => string | undefined;
}

/** S3 notifications in, opened runs out. */
export function createIngestHandler(options: IngestHandlerOptions): StageHandler {
  const { deps, uploadsBucket, tenants, ...redelivery } = options;
  const limits = { uploadsBucket, tenants, maxUploadBytes: deps.limits.maxUploadBytes };
  const parse = (body: string) => s3RecordsOf(body).map((record) => parseS3Record(record, limits));
  return createStageHandler({
    stage: 'ingest',
    log: deps.log,
    ...redelivery,
    work: {
      async handle(body, traceId) {
        for (const parsed of parse(body)) await ingestRecord(deps, parsed, traceId);
      },
      async giveUp(body) {
        for (const parsed of parse(body)) await failUploadOnLastReceive(deps, parsed);
      },
    },
  });
}
