import {
  ArnPrincipal,
  type IRole,
  ManagedPolicy,
  type PolicyStatement,
  Role,
  SessionTagsPrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Config } from '../config.ts';
import type { Shared } from '../shared.ts';
import { opens } from './permissions.ts';
import { allow } from './service-function.ts';

const TENANT = '$' + '{aws:PrincipalTag/tenant}';

export interface TenantRoleProps {
  readonly config: Config;
  readonly shared: Shared;
  readonly caller: IRole;
  readonly roleName: string;
}

/**
 * What the API does for a caller, it does as this role, assumed with the session tag `tenant` that comes from the
 * caller's verified claims. Each statement names that tenant's prefix or key: a fault in our code cannot cross tenants.
 */
export class TenantRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { config, shared, caller, roleName }: TenantRoleProps) {
    super(scope, id);
    const { buckets, studies, keys } = shared;
    this.role = new Role(this, 'Role', {
      roleName,
      assumedBy: new SessionTagsPrincipal(
        new ArnPrincipal(caller.roleArn).withConditions({
          StringEquals: { 'aws:RequestTag/tenant': config.tenants },
          'ForAllValues:StringEquals': { 'aws:TagKeys': ['tenant'] },
        }),
      ),
    });
    const leading = (...keysOfTenant: string[]) => ({
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keysOfTenant },
    });
    new ManagedPolicy(this, 'Policy', {
      roles: [this.role],
      statements: [
        this.#named('Uploads', allow(['s3:PutObject'], [buckets.uploads.arnForObjects(`in/${TENANT}/*`)])),
        this.#named('Results', allow(['s3:GetObject'], [buckets.data.arnForObjects(`${TENANT}/studies/*`)])),
        this.#named('OwnUploads', allow(['dynamodb:Query'], [studies.tableArn], leading(`UPLOAD#${TENANT}/*`))),
        this.#named(
          'OwnRuns',
          allow(['dynamodb:Query'], [studies.indexArn('tenantTime'), studies.indexArn('tenantRun')], leading(TENANT)),
        ),
        this.#named(
          'OwnRunsByStatus',
          allow(['dynamodb:Query'], [studies.indexArn('tenantStatus')], leading(`${TENANT}#*`)),
        ),
        ...opens(keys.data, 's3', 'dynamodb').map((statement) => this.#named('Key', statement)),
      ],
    });
  }

  #named(sid: string, statement: PolicyStatement): PolicyStatement {
    statement.sid = sid;
    return statement;
  }
}
