import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import type { Keys } from '../constructs/keys.ts';
import { StudiesTable } from '../constructs/studies-table.ts';

/** The studies table. */
export class TableStack extends Stack {
  readonly studies: StudiesTable;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; keys: Keys }) {
    super(scope, id, props);
    this.studies = new StudiesTable(this, 'Studies', { config: props.config, key: props.keys.data });
  }
}
