import { RemovalPolicy } from 'aws-cdk-lib';
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
  readonly pseudonymKeys = new Map<string, Secret>();
  readonly webhookKeys = new Map<string, Secret>();

  constructor(scope: Construct, id: string, props: { config: Config; key: IKey }) {
    super(scope, id);
    const { config, key } = props;
    const removalPolicy = config.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    for (const tenant of [...config.tenants, UNASSIGNED_TENANT]) {
      const secret = new Secret(this, `Pseudonym-${tenant}`, {
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
      this.pseudonymKeys.set(tenant, secret);
    }
    for (const { tenant } of config.webhooks) {
      const secret = new Secret(this, `Webhook-${tenant}`, {
        secretName: names(config).webhookSecret(tenant),
        description: `discflow ${config.stage}: webhook signing key of one tenant`,
        encryptionKey: key,
        removalPolicy,
        generateSecretString: { passwordLength: 64, excludePunctuation: true },
      });
      this.webhookKeys.set(tenant, secret);
    }
  }

  get pseudonymKeyArns(): string[] {
    return [...this.pseudonymKeys.values()].map(({ secretArn }) => secretArn);
  }

  get webhookKeyArns(): string[] {
    return [...this.webhookKeys.values()].map(({ secretArn }) => secretArn);
  }
}
