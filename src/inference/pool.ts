import { Worker } from 'node:worker_threads';
import { ModelUnavailable } from '../contracts/reasons.ts';
import type { Tensor } from '../pipeline/ports.ts';
import type { ModelSpec, SessionSettings, WorkerReply, WorkerRequest } from './protocol.ts';

export interface NetworkResult {
  readonly output: Tensor;
  /** Time inside the network alone, milliseconds. */
  readonly ms: number;
  readonly provider: string;
}

interface Job {
  readonly model: ModelSpec;
  /** Null loads the model and runs nothing. */
  readonly input: Tensor | null;
  readonly resolve: (result: NetworkResult | null) => void;
  readonly reject: (error: unknown) => void;
}

interface PendingReply {
  readonly resolve: (reply: WorkerReply) => void;
  readonly reject: (error: Error) => void;
}

/** One thread; it holds one job at a time, so that a crash fails that job alone. */
interface Seat {
  readonly worker: Worker;
  readonly loaded: Set<string>;
  /** The job in hand, and when it will have been served; null while idle. */
  job: Job | null;
  serving: Promise<void> | null;
  pending: PendingReply | null;
}

type Numbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/** A thread that is inside one network for longer hangs. */
const LONGEST_NETWORK_MS = 30_000;

const fromSource = import.meta.url.endsWith('.ts');

/**
 * Worker threads that run networks, each with warm sessions of its own. Jobs wait in one line in the order they came.
 * A thread that dies fails the job it held; the next job starts a new one. Idle threads do not keep the process alive.
 */
export class InferencePool {
  readonly #settings: SessionSettings;
  readonly #size: number;
  readonly #spawn: (settings: SessionSettings) => Worker;
  readonly #seats = new Set<Seat>();
  readonly #waiting: Job[] = [];
  #nextId = 0;
  #closed = false;

  constructor(size: number, settings: SessionSettings, spawn = startWorker) {
    this.#size = size;
    this.#settings = settings;
    this.#spawn = spawn;
  }

  /**
   * `input.data`'s buffer is transferred: the caller's view is empty afterwards. Throws `ModelUnavailable` where no
   * session can be made, `Error` where the run or its thread fails.
   */
  async run(model: ModelSpec, input: Tensor): Promise<NetworkResult> {
    return (await this.#enqueue(model, input))!;
  }

  /** Makes a session in one thread. Throws `ModelUnavailable`. */
  async load(model: ModelSpec): Promise<void> {
    await this.#enqueue(model, null);
  }

  /**
   * Fails every job at once, those inside a network too, so that nobody waits for an answer that comes too late. Resolves
   * when the threads have ended, each after the network that it is inside: to end a thread inside native code aborts the
   * process.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const inHand = [...this.#seats].flatMap(({ job }) => job ?? []);
    for (const job of [...this.#waiting.splice(0), ...inHand]) job.reject(closedError());
    const served = Promise.all([...this.#seats].map(({ serving }) => serving));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const longEnough = new Promise((resolve) => {
      timer = setTimeout(resolve, LONGEST_NETWORK_MS);
    });
    await Promise.race([served, longEnough]);
    clearTimeout(timer);
    await Promise.all([...this.#seats].map(({ worker }) => worker.terminate()));
  }

  #enqueue(model: ModelSpec, input: Tensor | null): Promise<NetworkResult | null> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ model, input, resolve, reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (let job = this.#waiting[0]; job !== undefined; job = this.#waiting[0]) {
      let seat: Seat | null;
      try {
        seat = this.#freeSeat(job.model.key);
      } catch (cause) {
        this.#waiting.shift();
        job.reject(new Error('no inference thread can be started', { cause }));
        continue;
      }
      if (seat === null) return;
      this.#waiting.shift();
      this.#occupy(seat, job);
    }
  }

  #occupy(seat: Seat, job: Job): void {
    seat.worker.ref();
    seat.job = job;
    seat.serving = this.#serve(seat, job)
      .then(job.resolve, job.reject)
      .finally(() => {
        seat.job = null;
        seat.serving = null;
        seat.worker.unref();
        this.#dispatch();
      });
  }

  /** An idle thread, first one that has the model; a new thread while there are fewer than the pool's size. */
  #freeSeat(key: string): Seat | null {
    const idle = [...this.#seats].filter(({ serving }) => serving === null);
    const warm = idle.find(({ loaded }) => loaded.has(key));
    if (warm !== undefined) return warm;
    return idle[0] ?? (this.#seats.size < this.#size ? this.#open() : null);
  }

  async #serve(seat: Seat, { model, input }: Job): Promise<NetworkResult | null> {
    if (!seat.loaded.has(model.key)) {
      const reply = await this.#ask(seat, { kind: 'load', model }, []);
      if (reply.kind !== 'loaded') throw failure(reply, model);
      seat.loaded.add(model.key);
    }
    if (input === null) return null;
    if (this.#closed) throw closedError();
    const data = input.data as Float32Array<ArrayBuffer>;
    const reply = await this.#ask(seat, { kind: 'run', key: model.key, dims: input.dims, data }, [data.buffer]);
    if (reply.kind !== 'output') throw failure(reply, model);
    return { output: { dims: reply.dims, data: reply.data }, ms: reply.ms, provider: reply.provider };
  }

  #ask(seat: Seat, request: Numbered<WorkerRequest>, transfer: ArrayBuffer[]): Promise<WorkerReply> {
    if (!this.#seats.has(seat)) return Promise.reject(new Error('the inference thread has stopped'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      seat.pending = { resolve, reject };
      seat.worker.postMessage({ ...request, id }, transfer);
    });
  }

  #open(): Seat {
    const worker = this.#spawn(this.#settings);
    const seat: Seat = { worker, loaded: new Set(), job: null, serving: null, pending: null };
    this.#seats.add(seat);
    const settle = (): PendingReply | null => {
      const { pending } = seat;
      seat.pending = null;
      return pending;
    };
    const die = (cause: unknown): void => {
      this.#seats.delete(seat);
      settle()?.reject(new Error('the inference thread stopped', { cause }));
    };
    worker.on('message', (reply: WorkerReply) => settle()?.resolve(reply));
    worker.on('error', die);
    worker.on('messageerror', (error) => {
      die(error);
      void worker.terminate();
    });
    worker.on('exit', (code) => die(new Error(`exit code ${code}`)));
    return seat;
  }
}

/** A thread that speaks the protocol of `protocol.ts`. */
export function startWorker(settings: SessionSettings): Worker {
  return new Worker(new URL(fromSource ? './worker.ts' : './worker.js', import.meta.url), {
    workerData: settings,
    execArgv: fromSource ? ['--import', typescriptLoader()] : [],
  });
}

/** A module that lets a worker thread load TypeScript: tsx registers itself in the main thread only. */
function typescriptLoader(): string {
  return `data:text/javascript,import{register}from${JSON.stringify(import.meta.resolve('tsx/esm/api'))};register()`;
}

const closedError = (): Error => new Error('the inference pool is closed');

function failure(reply: WorkerReply, model: ModelSpec): Error {
  if (reply.kind !== 'failed') return new Error(`${model.memberId}: the inference thread gave an unexpected reply`);
  const { error, unavailable } = reply;
  return unavailable
    ? new ModelUnavailable(error.message, { cause: error })
    : new Error(`${model.memberId}: the network failed`, { cause: error });
}
