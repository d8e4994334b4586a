import { createStageHandler, type Redelivery, type StageHandler } from '../../src/aws/stage-handler.ts';
import { analyzeMessageSchema } from '../../src/contracts/messages.ts';
import { type AnalyzeDeps, analyzeRun } from '../../src/pipeline/analyze-stage.ts';
import { failOnLastReceive } from '../../src/pipeline/claimed-run.ts';

export interface AnalyzeHandlerOptions extends Redelivery {
  readonly deps: AnalyzeDeps;
}

/** Analyze messages in, results out. */
export function createAnalyzeHandler({ deps, ...redelivery }: AnalyzeHandlerOptions): StageHandler {
  return createStageHandler({
    stage: 'analyze',
    log: deps.log,
    ...redelivery,
    work: {
      handle: async (body) => analyzeRun(deps, analyzeMessageSchema.parse(JSON.parse(body))),
      giveUp: async (body) => failOnLastReceive(deps, 'analyze', body),
    },
  });
}
