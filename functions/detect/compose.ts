import { createStageHandler, type Redelivery, type StageHandler } from '../../src/aws/stage-handler.ts';
import { detectMessageSchema } from '../../src/contracts/messages.ts';
import { failOnLastReceive } from '../../src/pipeline/claimed-run.ts';
import { type DetectDeps, detectRun } from '../../src/pipeline/detect-stage.ts';

export interface DetectHandlerOptions extends Redelivery {
  readonly deps: DetectDeps;
}

/** Detect messages in, crops and analyze messages out. */
export function createDetectHandler({ deps, ...redelivery }: DetectHandlerOptions): StageHandler {
  return createStageHandler({
    stage: 'detect',
    log: deps.log,
    ...redelivery,
    work: {
      handle: async (body) => detectRun(deps, detectMessageSchema.parse(JSON.parse(body))),
      giveUp: async (body) => failOnLastReceive(deps, 'detect', body),
    },
  });
}
