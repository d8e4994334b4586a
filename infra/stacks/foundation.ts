import { Stack, type StackProps } from 'aws-cdk-lib';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { Keys } from '../constructs/keys.ts';
import { allow } from '../constructs/service-function.ts';
import { TenantSecrets } from '../constructs/tenant-secrets.ts';

/** Keys, tenants' secrets, and what every function may do to be seen. */
export class FoundationStack extends Stack {
  readonly keys: Keys;
  readonly secrets: TenantSecrets;
  readonly telemetry: ManagedPolicy;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config }) {
    super(scope, id, props);
    const { config } = props;
    this.keys = new Keys(this, 'Keys', config);
    this.secrets = new TenantSecrets(this, 'Tenants', { config, key: this.keys.data });
    this.telemetry = new ManagedPolicy(this, 'Telemetry', {
      description: 'Traces: AWS offers them on * alone',
      statements: [allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], ['*'])],
    });
  }
}
