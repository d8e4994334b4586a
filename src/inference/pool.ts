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

/** One thread. */
interface Seat {
  readonly worker: Worker;
  readonly loaded: Set<string>;
  /** The job in hand, then one handed ahead so that the thread need not wait for this one; empty while idle. */
  readonly jobs: Job[];
  /** When each of them will have been served. */
  readonly serving: Set<Promise<void>>;
  /** Requests without a reply by their number, oldest first, as replies come. */
  readonly pending: Map<number, PendingReply>;
}

type Numbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/** A thread that is inside one network for longer hangs. */
const LONGEST_NETWORK_MS = 30_000;

const fromSource = import.meta.url.endsWith('.ts');

/** Why a job that was handed ahead goes back into the line. */
const HANDED_BACK = new Error('the inference thread stopped before it came to this job');

/**
 * Worker threads that run networks, each with warm sessions of its own. Jobs wait in one line in the order they came.
 * A thread that dies fails the job it was at alone; the next job starts a new one. Idle threads do not keep the process
 * alive.
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
   * An idle thread takes `input.data`'s buffer over, and the caller's view is empty afterwards: it belongs to the pool.
   * Throws `ModelUnavailable` where no session can be made, `Error` where the run or its thread fails.
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
    const inHand = [...this.#seats].flatMap(({ jobs }) => jobs);
    for (const job of [...this.#waiting.splice(0), ...inHand]) job.reject(closedError());
    const served = Promise.all([...this.#seats].flatMap(({ serving }) => [...serving]));
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
        seat = this.#freeSeat(job.model.key) ?? this.#seatAhead(job);
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
    const reply = this.#serve(seat, job);
    seat.jobs.push(job);
    const serving = reply
      .then(job.resolve, (error: unknown) => {
        if (error === HANDED_BACK && !this.#closed) this.#waiting.unshift(job);
        else job.reject(error);
      })
      .finally(() => {
        seat.jobs.splice(seat.jobs.indexOf(job), 1);
        seat.serving.delete(serving);
        if (seat.jobs.length === 0) seat.worker.unref();
        this.#dispatch();
      });
    seat.serving.add(serving);
  }

  /** An idle thread, first one that has the model; a new thread while there are fewer than the pool's size. */
  #freeSeat(key: string): Seat | null {
    const idle = [...this.#seats].filter(({ jobs }) => jobs.length === 0);
    const warm = idle.find(({ loaded }) => loaded.has(key));
    if (warm !== undefined) return warm;
    return idle[0] ?? (this.#seats.size < this.#size ? this.#open() : null);
  }

  /**
   * A busy thread that can go on with the job without a word from this thread, which may be busy itself. As many jobs as
   * threads wait in the line at least, this one among them, so that no thread idles beside a job that lies with another.
   */
  #seatAhead({ model, input }: Job): Seat | null {
    if (input === null || this.#waiting.length < this.#seats.size) return null;
    const ahead = ({ jobs, loaded }: Seat) =>
      jobs.length === 1 && loaded.has(model.key) && loaded.has(jobs[0]!.model.key);
    return [...this.#seats].find(ahead) ?? null;
  }

  async #serve(seat: Seat, { model, input }: Job): Promise<NetworkResult | null> {
    const isAhead = seat.jobs.length > 0;
    if (!seat.loaded.has(model.key)) {
      const reply = await this.#ask(seat, { kind: 'load', model }, []);
      if (reply.kind !== 'loaded') throw failure(reply, model);
      seat.loaded.add(model.key);
    }
    if (input === null) return null;
    if (this.#closed) throw closedError();
    const data = input.data as Float32Array<ArrayBuffer>;
    // Node would drop the message without a word, and nobody would reply.
    if (data.length === 0) throw new Error(`${model.memberId}: its input is empty, or was handed over before`);
    // A job that is handed ahead is copied, so that it can be handed back.
    const transfer = isAhead ? [] : [data.buffer];
    const reply = await this.#ask(seat, { kind: 'run', key: model.key, dims: input.dims, data }, transfer);
    if (reply.kind !== 'output') throw failure(reply, model);
    return { output: { dims: reply.dims, data: reply.data }, ms: reply.ms, provider: reply.provider };
  }

  #ask(seat: Seat, request: Numbered<WorkerRequest>, transfer: ArrayBuffer[]): Promise<WorkerReply> {
    if (!this.#seats.has(seat)) return Promise.reject(new Error('the inference thread has stopped'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      seat.pending.set(id, { resolve, reject });
      seat.worker.postMessage({ ...request, id }, transfer);
    });
  }

  #open(): Seat {
    const worker = this.#spawn(this.#settings);
    const seat: Seat = { worker, loaded: new Set(), jobs: [], serving: new Set(), pending: new Map() };
    this.#seats.add(seat);
    const die = (cause: unknown): void => {
      this.#seats.delete(seat);
      const [first, ...ahead] = seat.pending.values();
      seat.pending.clear();
      first?.reject(new Error('the inference thread stopped', { cause }));
      for (const { reject } of ahead) reject(HANDED_BACK);
    };
    const settle = (id: number): PendingReply | undefined => {
      const pending = seat.pending.get(id);
      seat.pending.delete(id);
      return pending;
    };
    worker.on('message', (reply: WorkerReply) => settle(reply.id)?.resolve(reply));
    worker.on('error', die);
    worker.on('messageerror', (cause) => {
      const [oldest] = seat.pending.keys();
      if (oldest !== undefined) settle(oldest)?.reject(new Error('a reply cannot be read', { cause }));
    });
    worker.on('exit', (code) => die(new Error(`exit code ${code}`)));
    return seat;
  }
}

/**
 * A thread that speaks the protocol of `protocol.ts`. ONNX Runtime for Linux keeps events about machine, process and
 * models in the user's cache folder and sends them to its maker, unless the environment says otherwise when it is loaded;
 * it cuts the command line up by a recursive regular expression too, which 17 KB of it overflow.
 */
export function startWorker(settings: SessionSettings): Worker {
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
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
