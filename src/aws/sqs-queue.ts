import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Announcement } from '../contracts/messages.ts';
import type { Announcer, Queue } from '../pipeline/ports.ts';
import { translated } from './faults.ts';

/** A queue of one kind of message in SQS; bodies are JSON. */
export class SqsQueue<Message> implements Queue<Message> {
  readonly #client: SQSClient;
  readonly #url: string;

  constructor(client: SQSClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  async send(message: Message): Promise<void> {
    const body = JSON.stringify(message);
    await translated('SendMessage', () =>
      this.#client.send(new SendMessageCommand({ QueueUrl: this.#url, MessageBody: body })),
    );
  }
}

/** Announces terminal states into a queue: the event bus of one machine. */
export class SqsAnnouncer implements Announcer {
  readonly #queue: SqsQueue<Announcement>;

  constructor(client: SQSClient, url: string) {
    this.#queue = new SqsQueue(client, url);
  }

  announce(announcement: Announcement): Promise<void> {
    return this.#queue.send(announcement);
  }
}
