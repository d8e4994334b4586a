import type { Announcement } from '../../src/contracts/messages.ts';
import type { Announcer, Queue } from '../../src/pipeline/ports.ts';

/** Keeps what was sent, as the JSON that would travel. */
export class MemoryQueue<Message> implements Queue<Message> {
  readonly bodies: string[] = [];

  async send(message: Message): Promise<void> {
    this.bodies.push(JSON.stringify(message));
  }

  get messages(): Message[] {
    return this.bodies.map((body) => JSON.parse(body) as Message);
  }
}

/** Keeps what was announced, repeats too. */
export class MemoryAnnouncer implements Announcer {
  readonly #queue = new MemoryQueue<Announcement>();

  announce(announcement: Announcement): Promise<void> {
    return this.#queue.send(announcement);
  }

  get announcements(): Announcement[] {
    return this.#queue.messages;
  }
}
