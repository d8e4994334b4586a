import type { IEventBus } from 'aws-cdk-lib/aws-events';
import type { IManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { Buckets } from './constructs/buckets.ts';
import type { Keys } from './constructs/keys.ts';
import type { FunctionPlatform, Placement } from './constructs/service-function.ts';
import type { StudiesTable } from './constructs/studies-table.ts';
import type { TenantSecrets } from './constructs/tenant-secrets.ts';
import type { QueuesStack, StageLanes } from './stacks/queues.ts';

/** What the stages of one deployment stand on. */
export interface Shared {
  readonly platform: FunctionPlatform;
  readonly queues: QueuesStack;
  readonly keys: Keys;
  readonly secrets: TenantSecrets;
  readonly buckets: Buckets;
  /** Reading and writing studies of all tenants. */
  readonly stageData: IManagedPolicy;
  readonly studies: StudiesTable;
  readonly bus: IEventBus;
  readonly placement: Placement | undefined;
}

/** Uploads come first; the backfill lane has queues, functions and limits of its own. */
export type LaneName = 'uploads' | 'backfill';

export const lanesOf = (shared: Shared, lane: LaneName): StageLanes => shared.queues[lane];

/** The variables that every stage reads. */
export const storeEnvironment = ({ platform, buckets, studies, bus }: Shared) => ({
  stage: platform.config.stage,
  dataBucket: buckets.data.bucketName,
  table: studies.tableName,
  eventBus: bus.eventBusName,
});
