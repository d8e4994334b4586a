import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { ANNOUNCEMENT_DETAIL_TYPE, ANNOUNCEMENT_SOURCE } from '../contracts/events.ts';
import type { Announcement } from '../contracts/messages.ts';
import { TransientFault } from '../contracts/reasons.ts';
import type { Announcer } from '../pipeline/ports.ts';
import { requestSettings } from './clients.ts';
import { translated } from './faults.ts';

/**
 * Announces terminal states on an event bus. PutEvents answers 200 with entries that failed: each of those is a
 * `TransientFault`, so that the state stays unannounced and is tried again.
 */
export class EventBridgeAnnouncer implements Announcer {
  readonly #client: EventBridgeClient;
  readonly #bus: string;

  /** On a bus, by its name or ARN, of the account and region that the process runs in. */
  static on(bus: string): EventBridgeAnnouncer {
    return new EventBridgeAnnouncer(new EventBridgeClient(requestSettings()), bus);
  }

  constructor(client: EventBridgeClient, bus: string) {
    this.#client = client;
    this.#bus = bus;
  }

  async announce(announcement: Announcement): Promise<void> {
    const entry = {
      EventBusName: this.#bus,
      Source: ANNOUNCEMENT_SOURCE,
      DetailType: ANNOUNCEMENT_DETAIL_TYPE,
      Detail: JSON.stringify(announcement),
    };
    const answer = await translated('PutEvents', () => this.#client.send(new PutEventsCommand({ Entries: [entry] })));
    if ((answer.FailedEntryCount ?? 0) > 0) throw new TransientFault('the event bus did not take the announcement', 5);
  }
}
