import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnStage, HttpApi, HttpMethod, type IHttpRouteAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer, HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { Construct } from 'constructs';
import { routes } from '../../src/contracts/api.ts';
import { environmentOf } from '../../src/contracts/env.ts';
import { FUNCTIONS, functionCode } from '../bundling/code.ts';
import { type Config, uploadMaxBytes } from '../config.ts';
import { logGroup } from '../constructs/logs.ts';
import { allow, ServiceFunction } from '../constructs/service-function.ts';
import { TenantRole } from '../constructs/tenant-role.ts';
import { names } from '../names.ts';
import type { Shared } from '../shared.ts';

/** Uploads, status and results over HTTPS, each caller held to its own tenant. */
export class ApiStack extends Stack {
  readonly api: ServiceFunction;
  readonly http: HttpApi;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; shared: Shared }) {
    super(scope, id, props);
    const { config, shared } = props;
    const tenantRoleName = `${names(config).prefix}-tenant`;
    this.api = this.#function(config, shared, tenantRoleName);
    new TenantRole(this, 'Tenant', { config, shared, caller: this.api.role, roleName: tenantRoleName });
    this.http = this.#http(config, shared);
    new CfnOutput(this, 'Address', { value: this.http.apiEndpoint, description: 'Where callers reach the API' });
  }

  #function(config: Config, shared: Shared, tenantRoleName: string): ServiceFunction {
    const { platform, buckets, studies, queues } = shared;
    const { auth } = config;
    const tenantRoleArn = this.formatArn({
      service: 'iam',
      region: '',
      resource: 'role',
      resourceName: tenantRoleName,
    });
    return new ServiceFunction(this, 'Function', {
      platform,
      name: 'api',
      code: functionCode('functions/api', FUNCTIONS.api),
      environment: environmentOf('api', {
        stage: config.stage,
        uploadsBucket: buckets.uploads.bucketName,
        dataBucket: buckets.data.bucketName,
        table: studies.tableName,
        tenantRoleArn,
        tenants: config.tenants.join(','),
        uploadMaxBytes: String(uploadMaxBytes(config)),
        authKind: auth.kind,
        ...(auth.kind === 'jwt' ? { tenantClaim: auth.tenantClaim } : { callers: JSON.stringify(auth.callers) }),
      }),
      memoryMiB: 512,
      timeoutSeconds: 10,
      concurrency: 20,
      deadLetters: queues.operations,
      statements: [allow(['sts:AssumeRole', 'sts:TagSession'], [tenantRoleArn])],
    });
  }

  #http(config: Config, { keys }: Shared): HttpApi {
    const http = new HttpApi(this, 'Http', {
      apiName: names(config).prefix,
      createDefaultStage: false,
      defaultAuthorizer: authorizer(config),
    });
    const integration = new HttpLambdaIntegration('Integration', this.api.function);
    for (const [, { path, method }] of routes) http.addRoutes({ path, methods: [HttpMethod[method]], integration });
    const logs = logGroup(this, 'AccessLogs', names(config).logGroup('api-access'), config, keys.logs);
    new CfnStage(this, 'Stage', {
      apiId: http.apiId,
      stageName: '$default',
      autoDeploy: true,
      defaultRouteSettings: { throttlingRateLimit: 50, throttlingBurstLimit: 100, detailedMetricsEnabled: true },
      accessLogSettings: { destinationArn: logs.logGroupArn, format: JSON.stringify(ACCESS_LOG) },
    });
    return http;
  }
}

/** No path parameter but the route's pattern, no address of the caller. */
const ACCESS_LOG = {
  requestId: '$context.requestId',
  requestTime: '$context.requestTime',
  routeKey: '$context.routeKey',
  status: '$context.status',
  responseLength: '$context.responseLength',
  integrationLatency: '$context.integrationLatency',
  authorizerError: '$context.authorizer.error',
};

function authorizer({ auth }: Config): IHttpRouteAuthorizer {
  if (auth.kind === 'iam') return new HttpIamAuthorizer();
  return new HttpJwtAuthorizer('Tokens', auth.issuer, { jwtAudience: auth.audience });
}
