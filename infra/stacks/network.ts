import { Stack, type StackProps, Validations } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type Config, zonesOf } from '../config.ts';
import type { Keys } from '../constructs/keys.ts';
import { PrivateNetwork } from '../constructs/private-network.ts';
import type { Placement } from '../constructs/service-function.ts';

/** Where GPU workers run: subnets without a route to the internet. lambda-cpu deploys none. */
export class NetworkStack extends Stack {
  readonly placement: Placement;
  readonly #zones: string[];

  constructor(scope: Construct, id: string, props: StackProps & { config: Config; keys: Keys }) {
    super(scope, id, props);
    this.#zones = zonesOf(props.config);
    Validations.of(this).acknowledge({
      id: 'CloudFormation-Validate::W3010',
      reason: 'Zones are named in the configuration: synthesis asks no account for them',
    });
    this.placement = new PrivateNetwork(this, 'Network', { config: props.config, logKey: props.keys.logs }).placement;
  }

  /** Named, not asked for: synthesis calls nobody. */
  override get availabilityZones(): string[] {
    return this.#zones;
  }
}
