import { INVOCATIONS_PREFIX, UNASSIGNED_TENANT } from '../../src/contracts/keys.ts';
import { type Config, needsVpc } from '../config.ts';
import { names } from '../names.ts';

/** A finding that stays, and what holds instead. */
export interface Acknowledgement {
  readonly rule: string;
  /** The construct's path: one resource, no pattern. */
  readonly resource: string;
  readonly control: string;
  readonly owner: 'security' | 'platform' | 'pipeline';
}

type Row = readonly [rule: string, resource: string];

const rows = (owner: Acknowledgement['owner'], control: string, ...found: Row[]): Acknowledgement[] =>
  found.map(([rule, resource]) => ({ rule, resource, control, owner }));

const arnOf = (bucket: string): string => `arn:<AWS::Partition>:s3:::${bucket}`;
const bucketsOf = (config: Config) => ({
  UPLOADS: config.existing.uploadsBucketArn ?? arnOf(names(config).uploadsBucket),
  DATA: config.existing.dataBucketArn ?? arnOf(names(config).dataBucket),
  BACKFILL: arnOf(names(config).backfillBucket),
});
const onResource = (resource: string): string => `AwsSolutions-IAM5[Resource::${resource}]`;

const queues = rows(
  'pipeline',
  'A dead-letter queue has no dead letters of its own: an alarm calls at the first message, it keeps 14 days, and only a redrive drains it.',
  ...[
    'Ingest/DeadLetters',
    'Detect/DeadLetters',
    'Analyze/DeadLetters',
    'BackfillDeadLetters',
    'OperationsDeadLetters',
  ].map((queue): Row => ['Serverless-SQSRedrivePolicy', `Queues/${queue}/Resource`]),
);

const sources = rows(
  'pipeline',
  "Lambda knows no failure destination for SQS sources: the queue's own redrive policy moves failures to its dead letters.",
  ...[
    'Ingest/Uploads/Source',
    'Ingest/Backfill/Source',
    'Detect/Uploads/Source',
    'Detect/Backfill/Source',
    'Analyze/OnCpu/Source',
    'Analyze/OnCpu/Backfill',
    'Analyze/Submit/Source',
    'Analyze/Submit/Backfill',
    'Events/Webhook/Source',
  ].map((mapping): Row => ['Serverless-LambdaEventSourceMappingDestination', mapping]),
);

const buckets = [
  ...rows(
    'platform',
    'Studies stay in one region, as the data protection of most sites asks; versioning keeps what is overwritten and the archive of record holds the originals.',
    ...['AccessLogs', 'Uploads', 'Data', 'Backfill'].map(
      (bucket): Row => ['HIPAA.Security-S3BucketReplicationEnabled', `Storage/Buckets/${bucket}/Resource`],
    ),
  ),
  ...rows(
    'platform',
    'S3 delivers access logs to buckets with its own encryption (AES-256) only; the logs hold keys of ours, no identifiers.',
    ['HIPAA.Security-S3DefaultEncryptionKMS', 'Storage/Buckets/AccessLogs/Resource'],
  ),
];

const functionsOutsideVpc = rows(
  'platform',
  'lambda-cpu without a VPC is the backend for small sites: functions accept no connections, reach AWS over TLS alone and hold only the rights named here.',
  ...[
    'Ingest/Uploads',
    'Ingest/Backfill',
    'Detect/Uploads',
    'Detect/Backfill',
    'Analyze/OnCpu',
    'Sweep/Sweep',
    'Backfill/Admit',
  ].map((path): Row => ['HIPAA.Security-LambdaInsideVPC', `${path}/Function/Resource`]),
);

const functionsOfTheEdge = [
  ...rows('platform', 'It reads no study but by a role that names one tenant, and needs no address of the VPC.', [
    'HIPAA.Security-LambdaInsideVPC',
    'Api/Function/Function/Resource',
  ]),
  ...rows(
    'platform',
    'It must reach the tenants on the internet; it may read their signing keys and its queue, no study.',
    ['HIPAA.Security-LambdaInsideVPC', 'Events/Webhook/Function/Resource'],
  ),
];

const malwareGate = (config: Config) =>
  rows(
    'security',
    'GuardDuty makes a rule of its own name and reads and tags every upload: the permissions that its guide asks for, on this bucket alone.',
    [onResource(`${bucketsOf(config).UPLOADS}/*`), 'Storage/MalwareGate/Policy/Resource'],
    [
      onResource(
        `arn:<AWS::Partition>:events:${config.region}:${config.account}:rule/DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*`,
      ),
      'Storage/MalwareGate/Policy/Resource',
    ],
  );

const network = rows(
  'platform',
  'No resource uses the default group, no subnet routes to the internet; closing it needs a helper function with rights over security groups.',
  ['HIPAA.Security-VPCDefaultSecurityGroupClosed', 'Network/Network/Vpc/Resource'],
);

const telemetry = [
  ...rows('security', 'X-Ray knows no resource-level permission; traces hold keys of ours, no identifiers.', [
    onResource('*'),
    'Foundation/Telemetry/Resource',
  ]),
  ...rows('security', 'Network interfaces of functions are made at run time; only functions in the VPC carry it.', [
    onResource('*'),
    'Network/Network/Interfaces/Resource',
  ]),
];

const stageRights = ({ UPLOADS, DATA, BACKFILL }: ReturnType<typeof bucketsOf>) => [
  ...rows(
    'security',
    'Stages serve every tenant; the right ends at studies and runs and does not reach lists, requests or logs.',
    [onResource(`${DATA}/*/studies/*`), 'Storage/StageData/Resource'],
  ),
  ...rows(
    'security',
    'Ingest reads what anybody uploads to its own lane, and writes nothing there.',
    [onResource(`${UPLOADS}/*`), 'Ingest/Uploads/Policy/Resource'],
    [onResource(`${BACKFILL}/in/*`), 'Ingest/Backfill/Policy/Resource'],
  ),
  ...rows(
    'security',
    "The caller's tenant, from verified claims, stands in the resource itself as a principal tag.",
    [onResource(`${UPLOADS}/in/<aws:PrincipalTag/tenant>/*`), 'Api/Tenant/Policy/Resource'],
    [onResource(`${DATA}/<aws:PrincipalTag/tenant>/studies/*`), 'Api/Tenant/Policy/Resource'],
  ),
];

const backfill = (config: Config) => [
  ...rows(
    'security',
    'A backfill reads the lists and studies of buckets that the configuration names, and nothing else.',
    ...[bucketsOf(config).BACKFILL, ...config.backfillSources].flatMap((bucket): Row[] => [
      [onResource(`${bucket}/*`), 'Backfill/Machine/Policy/Resource'],
      [onResource(`${bucket}/*`), 'Backfill/Admit/Policy/Resource'],
    ]),
  ),
  ...rows(
    'security',
    'Written prefixes of the backfill bucket: staged studies by the function, batch results by the map.',
    [onResource(`${bucketsOf(config).BACKFILL}/in/*`), 'Backfill/Admit/Policy/Resource'],
    [onResource(`${bucketsOf(config).BACKFILL}/results/*`), 'Backfill/Machine/Policy/Resource'],
  ),
  ...rows('security', 'Names of executions are made at run time; the ARN names this one state machine.', [
    onResource(
      `arn:<AWS::Partition>:states:${config.region}:${config.account}:execution:${names(config).prefix}-backfill/*`,
    ),
    'Backfill/Machine/Policy/Resource',
  ]),
  ...rows('security', 'Log delivery and X-Ray know no resource-level permission (Step Functions Developer Guide).', [
    onResource('*'),
    'Backfill/Machine/Policy/Resource',
  ]),
];

const gpuTasks = [
  ...rows(
    'security',
    'ecr:GetAuthorizationToken and ecs:DiscoverPollEndpoint know no resource; polling is held to this cluster by condition.',
    [onResource('*'), 'Analyze/Gpu/ExecutionRolePolicy/Resource'],
    [onResource('*'), 'Analyze/Gpu/InstanceRolePolicy/Resource'],
  ),
  ...rows('pipeline', 'The variables hold names and limits; secrets are read from Secrets Manager at run time.', [
    'AwsSolutions-ECS2',
    'Analyze/Gpu/Task/Resource',
  ]),
  ...rows(
    'platform',
    'Scaling is ordinary here, from zero and back many times a day; an alarm calls when messages wait and no worker runs.',
    ['AwsSolutions-AS3', 'Analyze/Gpu/Instances/ASG'],
  ),
];

const endpoints = (config: Config) => [
  ...rows(
    'security',
    'ecr:GetAuthorizationToken, PutMetricData (held to its namespace) and network interfaces know no resource.',
    [onResource('*'), 'Analyze/Model/Policy/Resource'],
  ),
  ...rows(
    'security',
    'Requests and answers of the endpoint, keys without patient data, expired after 7 days.',
    [onResource(`${bucketsOf(config).DATA}/${INVOCATIONS_PREFIX}/*`), 'Analyze/Model/Policy/Resource'],
    [onResource(`${bucketsOf(config).DATA}/${INVOCATIONS_PREFIX}/*`), 'Analyze/Submit/Policy/Resource'],
  ),
  ...rows(
    'platform',
    'GPU instances with local NVMe refuse a key of ours; their disks are encrypted by hardware and nothing is kept on them.',
    ['HIPAA.Security-SageMakerEndpointConfigurationKMSKeyConfigured', 'Analyze/Endpoint-uploads/Config'],
    ['HIPAA.Security-SageMakerEndpointConfigurationKMSKeyConfigured', 'Analyze/Endpoint-backfill/Config'],
  ),
];

const SECRET_RULES = ['AwsSolutions-SMG4', 'HIPAA.Security-SecretsManagerRotationEnabled'] as const;

const secrets = (config: Config) => [
  ...rows(
    'security',
    'A pseudonym key is never rotated in place: the same patient would get another name. A new version is added beside it (runbook, "Key rotation").',
    ...[...config.tenants, UNASSIGNED_TENANT].flatMap((tenant) =>
      SECRET_RULES.map((rule): Row => [rule, `Foundation/Tenants/Pseudonym-${tenant}/Resource`]),
    ),
  ),
  ...rows(
    'security',
    'Both ends hold a signing key: it is rotated with the tenant, by hand (runbook, "Key rotation").',
    ...config.webhooks.flatMap(({ tenant }) =>
      SECRET_RULES.map((rule): Row => [rule, `Foundation/Tenants/Webhook-${tenant}/Resource`]),
    ),
  ),
];

/** Every acknowledged finding of a configuration, for whatever backend; those of other backends find no resource. */
export const acknowledgements = (config: Config): Acknowledgement[] => [
  ...queues,
  ...sources,
  ...buckets,
  ...(needsVpc(config) ? [] : functionsOutsideVpc),
  ...functionsOfTheEdge,
  ...malwareGate(config),
  ...network,
  ...telemetry,
  ...secrets(config),
  ...stageRights(bucketsOf(config)),
  ...backfill(config),
  ...gpuTasks,
  ...endpoints(config),
];
