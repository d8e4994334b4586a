import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const endpoint = z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/);
const queuePair = z.strictObject({ url: z.string(), deadLetterUrl: z.string() });

/** `embedded.json` in the data folder: how a second process reaches the services of the first. Mode 0600. */
export const embeddedStateSchema = z.strictObject({
  schema: z.literal('discflow.embedded/1'),
  pid: z.int().positive(),
  /** Random; the S3 endpoint answers with it, so that a port that another program took over is told apart. */
  instance: z.string(),
  startedAt: z.iso.datetime(),
  region: z.string(),
  credentials: z.strictObject({ accessKeyId: z.string(), secretAccessKey: z.string() }),
  endpoints: z.strictObject({ s3: endpoint, sqs: endpoint, dynamodb: endpoint }),
  buckets: z.strictObject({ uploads: z.string(), data: z.string() }),
  table: z.string(),
  queues: z.strictObject({ ingest: queuePair, detect: queuePair, analyze: queuePair, announcements: queuePair }),
});
export type EmbeddedState = z.infer<typeof embeddedStateSchema>;

export const INSTANCE_HEADER = 'x-discflow-instance';
const FILE = 'embedded.json';
const PROBE_TIMEOUT_MS = 2000;

export async function writeState(folder: string, state: EmbeddedState): Promise<void> {
  const temporary = join(folder, `${FILE}.${state.pid}`);
  await writeFile(temporary, JSON.stringify(state), { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, join(folder, FILE));
}

export async function removeState(folder: string): Promise<void> {
  await rm(join(folder, FILE), { force: true });
}

/** The services that run on a data folder; null where none do: no file, a killed process, a port taken over. */
export async function findRunning(folder: string): Promise<EmbeddedState | null> {
  let text: string;
  try {
    text = await readFile(join(folder, FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw error;
  }
  const state = readState(text);
  return state !== null && isAlive(state.pid) && (await answers(state)) ? state : null;
}

function readState(text: string): EmbeddedState | null {
  try {
    return embeddedStateSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function answers(state: EmbeddedState): Promise<boolean> {
  try {
    const response = await fetch(`${state.endpoints.s3}/`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.headers.get(INSTANCE_HEADER) === state.instance;
  } catch {
    return false;
  }
}
