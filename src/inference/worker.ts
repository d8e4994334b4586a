import { parentPort, workerData } from 'node:worker_threads';
import { Tensor } from 'onnxruntime-node';
import { ModelUnavailable } from '../contracts/reasons.ts';
import type { ModelSpec, SessionSettings, WorkerReply, WorkerRequest } from './protocol.ts';
import { type OpenSession, openSession } from './session.ts';

const port = parentPort;
if (port === null) throw new Error('the inference worker runs in a worker thread only');
const settings = workerData as SessionSettings;
const sessions = new Map<string, OpenSession>();

async function load(id: number, model: ModelSpec): Promise<WorkerReply> {
  const known = sessions.get(model.key) ?? (await openSession(model, settings));
  sessions.set(model.key, known);
  return { id, kind: 'loaded', provider: known.provider };
}

async function run(request: Extract<WorkerRequest, { kind: 'run' }>): Promise<WorkerReply> {
  const open = sessions.get(request.key);
  if (open === undefined) throw new Error('the session was not loaded');
  const feeds = { [open.inputName]: new Tensor('float32', request.data, request.dims) };
  const started = performance.now();
  const results = await open.session.run(feeds);
  const ms = performance.now() - started;
  const output = results[open.outputName]!;
  const data = new Float32Array(output.data as Float32Array);
  const dims = [...output.dims];
  output.dispose();
  return { id: request.id, kind: 'output', dims, data, ms, provider: open.provider };
}

async function answer(request: WorkerRequest): Promise<void> {
  try {
    const reply = request.kind === 'load' ? await load(request.id, request.model) : await run(request);
    port!.postMessage(reply, reply.kind === 'output' ? [reply.data.buffer] : []);
  } catch (error) {
    const unavailable = error instanceof ModelUnavailable;
    const cause = error instanceof Error ? error : new Error('the worker failed');
    port!.postMessage({ id: request.id, kind: 'failed', unavailable, error: cause } satisfies WorkerReply);
  }
}

let queue = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  queue = queue.then(() => answer(request));
});
