import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { StageHandler } from '../../src/aws/stage-handler.ts';
import { delayByVisibility } from '../../src/aws/visibility.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import { composeAnalyze } from './cloud.ts';
import { createAnalyzeHandler } from './compose.ts';

let composed: StageHandler | undefined;

function compose(): StageHandler {
  const env = parseEnv('analyze', process.env);
  const { deps, clients } = composeAnalyze(env);
  return createAnalyzeHandler({
    deps,
    maxReceiveCount: env.maxReceiveCount,
    delay: delayByVisibility(clients.sqs),
  });
}

/** The `lambda-cpu` backend; composed at the first call and kept. */
export async function handler(event: SQSEvent, context: unknown): Promise<SQSBatchResponse> {
  composed ??= compose();
  return composed(event, context);
}
