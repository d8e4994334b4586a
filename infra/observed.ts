import type { Config } from './config.ts';
import type { ServiceFunction } from './constructs/service-function.ts';
import type { Shared } from './shared.ts';
import type { AnalyzeStack } from './stacks/analyze.ts';
import type { ApiStack } from './stacks/api.ts';
import type { SweepStack } from './stacks/sweep.ts';

/** What dashboard and alarms look at. */
export interface Observed {
  readonly config: Config;
  readonly shared: Shared;
  readonly analyze: AnalyzeStack;
  readonly api: ApiStack;
  readonly sweep: SweepStack;
  readonly functions: readonly ServiceFunction[];
}
