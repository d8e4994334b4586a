import { clientOptionsFrom, createClients } from '../../src/aws/clients.ts';
import { DynamoRuns } from '../../src/aws/dynamo-runs.ts';
import { EventBridgeAnnouncer } from '../../src/aws/eventbridge-announcer.ts';
import { createLogger } from '../../src/aws/logger.ts';
import { parseEnv } from '../../src/contracts/env.ts';
import { type SweepDeps, type SweepReport, sweep } from './sweep.ts';

let deps: SweepDeps | undefined;

function compose(): SweepDeps {
  const env = parseEnv('sweep', process.env);
  const clients = createClients(clientOptionsFrom(process.env));
  return {
    runs: new DynamoRuns(clients.documents, env.table),
    announcer: EventBridgeAnnouncer.on(env.eventBus),
    clock: { nowMs: Date.now },
    log: createLogger({ service: 'sweep' }),
    stuckAfterMs: env.stuckAfterSeconds * 1000,
    requestLostAfterMs: env.requestLostAfterSeconds === undefined ? undefined : env.requestLostAfterSeconds * 1000,
    limit: env.sweepLimit,
  };
}

/** Called by the schedule; its event is not read. */
export async function handler(): Promise<SweepReport> {
  deps ??= compose();
  return sweep(deps);
}
