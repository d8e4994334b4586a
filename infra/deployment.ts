import {
  type App,
  DefaultStackSynthesizer,
  type IStackSynthesizer,
  PermissionsBoundary,
  type StackProps,
  Tags,
} from 'aws-cdk-lib';
import { type Config, needsVpc } from './config.ts';
import { conforms } from './conforms.ts';
import type { FunctionPlatform } from './constructs/service-function.ts';
import { APPLICATION, names } from './names.ts';
import { AnalyzeStack } from './stacks/analyze.ts';
import { ApiStack } from './stacks/api.ts';
import { BackfillStack } from './stacks/backfill.ts';
import { DetectStack } from './stacks/detect.ts';
import { EventsStack } from './stacks/events.ts';
import { FoundationStack } from './stacks/foundation.ts';
import { IngestStack } from './stacks/ingest.ts';
import { NetworkStack } from './stacks/network.ts';
import { ObservabilityStack } from './stacks/observability.ts';
import { QueuesStack } from './stacks/queues.ts';
import { StorageStack } from './stacks/storage.ts';
import { SweepStack } from './stacks/sweep.ts';
import { TableStack } from './stacks/table.ts';

/** All stacks of one stage, in the order in which they deploy. */
export function deploy(app: App, config: Config) {
  const stack = (name: string, description: string): StackProps & { config: Config } => ({
    config,
    stackName: `${names(config).prefix}-${name}`,
    description: `discflow ${config.stage}: ${description}`,
    env: { account: config.account, region: config.region },
    terminationProtection: config.keepData,
    analyticsReporting: false,
    ...(config.qualifier === undefined
      ? {}
      : { synthesizer: conforms<IStackSynthesizer>(new DefaultStackSynthesizer({ qualifier: config.qualifier })) }),
    ...(config.permissionsBoundary === undefined
      ? {}
      : { permissionsBoundary: PermissionsBoundary.fromName(config.permissionsBoundary) }),
  });

  const foundation = new FoundationStack(app, 'Foundation', stack('foundation', 'keys, tenants, telemetry'));
  const { keys, secrets } = foundation;
  const network = needsVpc(config)
    ? new NetworkStack(app, 'Network', { ...stack('network', 'isolated subnets and endpoints'), keys })
    : undefined;
  const queues = new QueuesStack(app, 'Queues', { ...stack('queues', 'a queue with dead letters at every hop'), keys });
  const storage = new StorageStack(app, 'Storage', { ...stack('storage', 'uploads, results, logs'), keys, queues });
  const table = new TableStack(app, 'Table', { ...stack('table', 'uploads and runs'), keys });

  const platform: FunctionPlatform = {
    config,
    logKey: keys.logs,
    messageKey: keys.messages,
    telemetry: foundation.telemetry,
  };
  const events = new EventsStack(app, 'Events', {
    ...stack('events', 'the event bus and webhooks'),
    keys,
    secrets,
    platform,
    queues,
  });
  const shared = {
    platform,
    queues,
    keys,
    secrets,
    buckets: storage.buckets,
    stageData: storage.stageData,
    studies: table.studies,
    bus: events.bus,
    placement: network?.placement,
  };
  const ingest = new IngestStack(app, 'Ingest', { ...stack('ingest', 'uploads to candidate slices'), shared });
  const detect = new DetectStack(app, 'Detect', { ...stack('detect', 'slices to named discs'), shared });
  const analyze = new AnalyzeStack(app, 'Analyze', { ...stack('analyze', 'discs to findings'), shared });
  const sweep = new SweepStack(app, 'Sweep', { ...stack('sweep', 'what nobody ended'), shared });
  const api = new ApiStack(app, 'Api', { ...stack('api', 'uploads, status and results over HTTPS'), shared });
  const backfill = new BackfillStack(app, 'Backfill', { ...stack('backfill', 'years of studies, slowly'), shared });
  const observability = new ObservabilityStack(app, 'Observability', {
    ...stack('observability', 'dashboard, alarms, budget'),
    shared,
    analyze,
    api,
    sweep,
    functions: [
      ...ingest.functions,
      ...detect.functions,
      ...analyze.functions,
      ...events.functions,
      sweep.sweep,
      api.api,
      ...backfill.functions,
    ],
  });

  for (const stage of [ingest, detect, analyze, api, backfill]) stage.addStackDependency(storage);
  // Ingest names the pack of a run: the stages that need it have it by then.
  for (const stage of [detect, analyze]) ingest.addStackDependency(stage);
  // Dashboard, alarms and metric filters name what they watch: it is there by then.
  for (const watched of [events, ingest, analyze, sweep, api, backfill]) observability.addStackDependency(watched);
  for (const [key, value] of Object.entries({ application: APPLICATION, stage: config.stage, ...config.tags }))
    Tags.of(app).add(key, value);
  return {
    foundation,
    network,
    queues,
    storage,
    table,
    events,
    ingest,
    detect,
    analyze,
    sweep,
    api,
    backfill,
    observability,
  };
}
