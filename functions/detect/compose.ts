import type { SQSRecord } from 'aws-lambda';
import { createStageHandler, type StageHandler } from '../../src/aws/stage-handler.ts';
import { detectMessageSchema } from '../../src/contracts/messages.ts';
import { failOnLastReceive } from '../../src/pipeline/claimed-run.ts';
import { type DetectDeps, detectRun } from '../../src/pipeline/detect-stage.ts';

export interface DetectHandlerOptions {
  readonly deps: DetectDeps;
  readonly maxReceiveCount: number;
  readonly delay: (record: SQSRecord, seconds: number) => Promise<void>;
}

/** Detect messages in, crops and analyze messages out. */
export function createDetectHandler({ deps, maxReceiveCount, delay }: DetectHandlerOptions): StageHandler {
  return createStageHandler({
    stage: 'detect',
    log: deps.log,
    maxReceiveCount,
    delay,
    work: {
      handle: async (body) => detectRun(deps, detectMessageSchema.parse(JSON.parse(body))),
      giveUp: async (body) => failOnLastReceive(deps, 'detect', body),
    },
  });
}
