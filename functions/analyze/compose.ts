import type { SQSRecord } from 'aws-lambda';
import { createStageHandler, type StageHandler } from '../../src/aws/stage-handler.ts';
import { analyzeMessageSchema } from '../../src/contracts/messages.ts';
import { type AnalyzeDeps, analyzeRun } from '../../src/pipeline/analyze-stage.ts';
import { failOnLastReceive } from '../../src/pipeline/claimed-run.ts';

export interface AnalyzeHandlerOptions {
  readonly deps: AnalyzeDeps;
  readonly maxReceiveCount: number;
  readonly delay: (record: SQSRecord, seconds: number) => Promise<void>;
}

/** Analyze messages in, results out. */
export function createAnalyzeHandler({ deps, maxReceiveCount, delay }: AnalyzeHandlerOptions): StageHandler {
  return createStageHandler({
    stage: 'analyze',
    log: deps.log,
    maxReceiveCount,
    delay,
    work: {
      handle: async (body) => analyzeRun(deps, analyzeMessageSchema.parse(JSON.parse(body))),
      giveUp: async (body) => failOnLastReceive(deps, 'analyze', body),
    },
  });
}
