import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, ProjectionType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { STUDIES_TABLE } from '../../src/contracts/table.ts';
import type { Config } from '../config.ts';
import { names } from '../names.ts';

/** Uploads and runs: on demand, encrypted, restorable to any second of the last 35 days. */
export class StudiesTable extends Construct {
  readonly table: TableV2;
  readonly key: IKey;

  constructor(scope: Construct, id: string, props: { config: Config; key: IKey }) {
    super(scope, id);
    const { config, key } = props;
    this.key = key;
    const { partitionKey, sortKey, indexes } = STUDIES_TABLE;
    const text = (name: string) => ({ name, type: AttributeType.STRING });
    this.table = new TableV2(this, 'Table', {
      tableName: names(config).table,
      partitionKey: text(partitionKey),
      ...(sortKey === undefined ? {} : { sortKey: text(sortKey) }),
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.customerManagedKey(key),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: 35 },
      deletionProtection: config.keepData,
      removalPolicy: config.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      globalSecondaryIndexes: Object.values(indexes).map((index) => ({
        indexName: index.name,
        partitionKey: text(index.partitionKey),
        sortKey: { name: index.sortKey, type: index.sortKeyType === 'N' ? AttributeType.NUMBER : AttributeType.STRING },
        projectionType: ProjectionType.ALL,
      })),
    });
  }

  get tableArn(): string {
    return this.table.tableArn;
  }

  get tableName(): string {
    return this.table.tableName;
  }

  indexArn(index: keyof typeof STUDIES_TABLE.indexes): string {
    return `${this.table.tableArn}/index/${STUDIES_TABLE.indexes[index].name}`;
  }
}
