import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { UNASSIGNED_TENANT } from '../../src/contracts/keys.ts';
import type { Config } from '../config.ts';
import { names } from '../names.ts';

/**
 * Each tenant's pseudonym key, and the key that signs its webhooks. A pseudonym key is never rotated in place: it would
 * give the same patient another name. A new version is added beside the old one (docs/runbook.md, "Key rotation").
 */
export class TenantSecrets extends Construct {
  readonly #config: Config;

  constructor(scope: Construct, id: string, props: { config: Config; key: IKey }) {
    super(scope, id);
    const { config, key } = props;
    this.#config = config;
    const removalPolicy = config.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    for (const tenant of [...config.tenants, UNASSIGNED_TENANT]) {
      new Secret(this, `Pseudonym-${tenant}`, {
        secretName: names(config).tenantSecret(tenant),
        description: `discflow ${config.stage}: pseudonym key of one tenant`,
        encryptionKey: key,
        removalPolicy,
        generateSecretString: {
          secretStringTemplate: '{"version":1}',
          generateStringKey: 'key',
          passwordLength: 64,
          excludePunctuation: true,
        },
      });
    }
    for (const { tenant } of config.webhooks) {
      new Secret(this, `Webhook-${tenant}`, {
        secretName: names(config).webhookSecret(tenant),
        description: `discflow ${config.stage}: webhook signing key of one tenant`,
        encryptionKey: key,
        removalPolicy,
        generateSecretString: { passwordLength: 64, excludePunctuation: true },
      });
    }
  }

  get pseudonymKeyArns(): string[] {
    const { tenantSecret } = names(this.#config);
    return [...this.#config.tenants, UNASSIGNED_TENANT].map((tenant) => this.#arnOf(tenantSecret(tenant)));
  }

  get webhookKeyArns(): string[] {
    const { webhookSecret } = names(this.#config);
    return this.#config.webhooks.map(({ tenant }) => this.#arnOf(webhookSecret(tenant)));
  }

  /**
   * By its name, with the six characters that Secrets Manager adds: an export that ingest imports would keep a tenant's
   * secret from being taken away. Source: Secrets Manager User Guide, "Permissions for a secret by its partial ARN".
   */
  #arnOf(resourceName: string): string {
    const arnFormat = ArnFormat.COLON_RESOURCE_NAME;
    return Stack.of(this).formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `${resourceName}-??????`,
      arnFormat,
    });
  }
}
