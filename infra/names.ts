import type { Config } from './config.ts';

/** The tag by which the budget counts, unless the configuration's own tags say another. */
export const APPLICATION = 'discflow';

/** Physical names that other parts must know before the resource exists; all others are left to CloudFormation. */
export const names = (config: Config) => {
  const prefix = `discflow-${config.stage}`;
  const bucket = (kind: string) => `${prefix}-${kind}-${config.account}-${config.region}`;
  return {
    prefix,
    uploadsBucket: bucket('uploads'),
    dataBucket: bucket('data'),
    accessLogsBucket: bucket('access-logs'),
    backfillBucket: bucket('backfill'),
    table: `${prefix}-studies`,
    eventBus: `${prefix}-events`,
    worker: `${prefix}-analyze`,
    endpoint: `${prefix}-analyze`,
    backfillEndpoint: `${prefix}-analyze-backfill`,
    queue: (name: string) => `${prefix}-${name}`,
    logGroup: (name: string) => `/discflow/${config.stage}/${name}`,
    tenantSecret: (tenant: string) => `discflow/${config.stage}/tenants/${tenant}/pseudonym-key`,
    webhookSecret: (tenant: string) => `discflow/${config.stage}/tenants/${tenant}/webhook-key`,
    secretPrefix: `discflow/${config.stage}/tenants/`,
  } as const;
};

/** The GPU tasks, as their metrics name them. */
export const tasksOf = (config: Config) => ({
  ClusterName: names(config).prefix,
  ServiceName: names(config).worker,
});
