import { afterAll, beforeAll } from 'vitest';
import { type AwsClients, createClients } from '../../src/aws/clients.ts';
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts';

/** Embedded services for the tests of one file, reached over HTTP as in production. */
export function useServices(): { readonly embedded: Embedded; readonly clients: AwsClients } {
  let embedded: Embedded | undefined;
  let clients: AwsClients | undefined;
  beforeAll(async () => {
    embedded = await startEmbedded({ dataDir: null });
    clients = createClients(embedded);
  });
  afterAll(async () => {
    clients?.close();
    await embedded?.close();
  });
  const started = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('services are used before they are started');
    return value;
  };
  return {
    get embedded() {
      return started(embedded);
    },
    get clients() {
      return started(clients);
    },
  };
}
