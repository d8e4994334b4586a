import { Worker } from 'node:worker_threads';
import { InputFault } from '../contracts/reasons.ts';
import type { DicomObject, DicomOrigin } from '../dicom/object.ts';
import type { Grey16 } from '../imaging/image.ts';
import type { PixelDecoder } from '../pipeline/ports.ts';
import type { DecoderAnswer, DecoderRequest } from './decoder-messages.ts';
import { decodePicture, type PictureLimits } from './picture-decoder.ts';

export interface DecoderOptions {
  /** Worker threads at most; they start when first needed. */
  readonly workers?: number;
  /** How long one file may take. */
  readonly deadlineMs?: number;
  /** Cap of each worker's JavaScript heap; pixel buffers are bounded by the checks on their sizes. */
  readonly heapMiB?: number;
  readonly pictures?: PictureLimits;
}

const DEFAULTS = { workers: 2, deadlineMs: 30_000, heapMiB: 256 } as const;

/** A decoder that is stopped: its worker threads are gone. */
export interface ClosablePixelDecoder extends PixelDecoder {
  close(): Promise<void>;
}

/**
 * DICOM in worker threads with a heap cap and a deadline, pictures by sharp. A worker that dies or overruns is replaced
 * and the file tried once more; then it ends as `InputFault('malformed')`.
 */
export function createPixelDecoder(options: DecoderOptions = {}): ClosablePixelDecoder {
  const pool = new DecoderPool({ ...DEFAULTS, ...options });
  return {
    async readDicom(bytes): Promise<DicomObject> {
      const answer = await pool.ask(() => ({ kind: 'header', bytes: new Uint8Array(bytes) }));
      if (answer.kind !== 'header') throw new Error('the decoder answered another question');
      return answer.object;
    },
    async readOrigin(bytes): Promise<DicomOrigin> {
      const answer = await pool.ask(() => ({ kind: 'origin', bytes: new Uint8Array(bytes) }));
      if (answer.kind !== 'origin') throw new Error('the decoder answered another question');
      return answer.origin;
    },
    async decodeFrame(bytes, frame): Promise<Grey16> {
      const answer = await pool.ask(() => ({ kind: 'frame', bytes: new Uint8Array(bytes), frame }));
      if (answer.kind !== 'frame') throw new Error('the decoder answered another question');
      return answer.image;
    },
    decodePicture: (bytes) => decodePicture(bytes, options.pictures),
    close: () => pool.close(),
  };
}

class WorkerLost extends Error {
  override readonly name = 'WorkerLost';
}

type PoolOptions = Required<Omit<DecoderOptions, 'pictures'>>;

class DecoderPool {
  readonly #options: PoolOptions;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  readonly #waiting: Array<() => void> = [];
  #busy = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async ask(request: () => DecoderRequest): Promise<DecoderAnswer> {
    await this.#enter();
    try {
      const answer = await this.#exchange(request()).catch((error: unknown) => {
        if (error instanceof WorkerLost) return this.#exchange(request());
        throw error;
      });
      if (answer.kind === 'fault') throw new InputFault(answer.code, answer.detail ?? undefined);
      return answer;
    } catch (cause) {
      if (cause instanceof WorkerLost) throw new InputFault('malformed', 'reading it stopped the decoder', { cause });
      throw cause;
    } finally {
      this.#busy -= 1;
      this.#waiting.shift()?.();
    }
  }

  async close(): Promise<void> {
    const workers = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  async #enter(): Promise<void> {
    while (this.#busy >= this.#options.workers) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy += 1;
  }

  #exchange(request: DecoderRequest): Promise<DecoderAnswer> {
    const worker = this.#idle.pop() ?? this.#start();
    return new Promise((resolve, reject) => {
      const lose = (reason: string, cause?: unknown) => {
        settle();
        this.#all.delete(worker);
        void worker.terminate();
        reject(new WorkerLost(reason, { cause }));
      };
      const onMessage = (answer: DecoderAnswer) => {
        settle();
        this.#idle.push(worker);
        resolve(answer);
      };
      const onError = (error: unknown) => lose('the worker failed', error);
      const onExit = () => lose('the worker ended');
      const deadline = setTimeout(() => lose('the worker overran its deadline'), this.#options.deadlineMs);
      const settle = () => {
        clearTimeout(deadline);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit).unref();
      };
      worker.on('message', onMessage).on('error', onError).on('exit', onExit).ref();
      worker.postMessage(request, [request.bytes.buffer as ArrayBuffer]);
    });
  }

  #start(): Worker {
    const typescript = import.meta.url.endsWith('.ts');
    const worker = new Worker(new URL(typescript ? './decoder-worker.ts' : './decoder-worker.js', import.meta.url), {
      execArgv: typescript ? ['--import', typescriptLoader()] : [],
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMiB, maxYoungGenerationSizeMb: 32 },
    });
    worker.on('error', () => this.#forget(worker)).on('exit', () => this.#forget(worker));
    this.#all.add(worker);
    return worker;
  }

  #forget(worker: Worker): void {
    this.#all.delete(worker);
    const index = this.#idle.indexOf(worker);
    if (index >= 0) this.#idle.splice(index, 1);
  }
}

/** A module that lets a worker thread load TypeScript: tsx registers itself in the main thread only. */
function typescriptLoader(): string {
  return `data:text/javascript,import{register}from${JSON.stringify(import.meta.resolve('tsx/esm/api'))};register()`;
}
