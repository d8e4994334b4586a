import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import type { Keys } from '../constructs/keys.ts';
import { PrivateNetwork } from '../constructs/private-network.ts';
import type { Placement } from '../constructs/service-function.ts';

/** Where GPU workers run: subnets without a route to the internet. lambda-cpu deploys none. */
export class NetworkStack extends Stack {
  readonly placement: Placement;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; keys: Keys }) {
    super(scope, id, props);
    this.placement = new PrivateNetwork(this, 'Network', { config: props.config, logKey: props.keys.logs }).placement;
  }
}
