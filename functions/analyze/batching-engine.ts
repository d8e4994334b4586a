import type { Engine, LoadedPack, Tensor } from '../../src/pipeline/ports.ts';

export interface BatchOptions {
  /** How long a network waits for others to join it. */
  readonly waitMs: number;
  /** Rows of one run at most; a single input with more rows runs alone. */
  readonly maxRows: number;
}

interface Waiting {
  readonly input: Tensor;
  readonly resolve: (result: { output: Tensor; ms: number }) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Joins inputs of several messages for one network, disc crops and lumbar crops alike, into one run along the first
 * axis, with a bounded wait: a GPU runs 32 disc crops in little more time than 5. Networks that were exported with a
 * fixed batch size run each input alone. Every caller gets its own rows; `ms` is its share of the run by rows.
 */
export function batchingEngine(engine: Engine, options: BatchOptions): Engine {
  const packs = new Map<string, Promise<LoadedPack>>();
  return {
    pack(sha256) {
      const known = packs.get(sha256);
      if (known !== undefined) return known;
      const loading = engine.pack(sha256).then((pack) => batchingPack(pack, options));
      packs.set(sha256, loading);
      loading.catch(() => packs.delete(sha256));
      return loading;
    },
    close: () => engine.close(),
  };
}

function batchingPack(pack: LoadedPack, options: BatchOptions): LoadedPack {
  const lines = new Map<string, Line>();
  return {
    manifest: pack.manifest,
    sha256: pack.sha256,
    get provider() {
      return pack.provider;
    },
    takesBatches: (memberId) => pack.takesBatches(memberId),
    run(memberId, input) {
      if (!pack.takesBatches(memberId)) return pack.run(memberId, input);
      let line = lines.get(memberId);
      if (line === undefined) {
        line = new Line((joined) => pack.run(memberId, joined), options);
        lines.set(memberId, line);
      }
      return line.add(input);
    },
  };
}

/** The inputs that wait for one network. */
class Line {
  readonly #run: (input: Tensor) => Promise<{ output: Tensor; ms: number }>;
  readonly #options: BatchOptions;
  #waiting: Waiting[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(run: (input: Tensor) => Promise<{ output: Tensor; ms: number }>, options: BatchOptions) {
    this.#run = run;
    this.#options = options;
  }

  add(input: Tensor): Promise<{ output: Tensor; ms: number }> {
    const { maxRows, waitMs } = this.#options;
    if (rowsOf(this.#waiting) + rows(input) > maxRows || !this.#fits(input)) this.#flush();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      if (rowsOf(this.#waiting) >= maxRows) this.#flush();
      else this.#timer ??= setTimeout(() => this.#flush(), waitMs);
    });
  }

  #fits({ dims }: Tensor): boolean {
    const first = this.#waiting[0];
    return first === undefined || first.input.dims.slice(1).join() === dims.slice(1).join();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const joined = this.#waiting;
    this.#waiting = [];
    if (joined.length > 0) void this.#runJoined(joined);
  }

  async #runJoined(joined: Waiting[]): Promise<void> {
    try {
      const { output, ms } = await this.#run(concatenate(joined.map(({ input }) => input)));
      const total = rowsOf(joined);
      if (output.dims[0] !== total) throw new Error(`a network answered ${output.dims[0]} rows for ${total}`);
      const width = output.data.length / total;
      let from = 0;
      for (const { input, resolve } of joined) {
        const count = rows(input);
        const data = output.data.slice(from * width, (from + count) * width);
        resolve({ output: { dims: [count, ...output.dims.slice(1)], data }, ms: (ms * count) / total });
        from += count;
      }
    } catch (error) {
      for (const { reject } of joined) reject(error);
    }
  }
}

const rows = ({ dims }: Tensor): number => dims[0] ?? 1;
const rowsOf = (waiting: readonly Waiting[]): number => waiting.reduce((sum, { input }) => sum + rows(input), 0);

function concatenate(inputs: readonly Tensor[]): Tensor {
  const [first] = inputs;
  if (first === undefined) throw new RangeError('nothing to join');
  if (inputs.length === 1) return first;
  const data = new Float32Array(inputs.reduce((sum, input) => sum + input.data.length, 0));
  let at = 0;
  for (const input of inputs) {
    data.set(input.data, at);
    at += input.data.length;
  }
  return { dims: [inputs.reduce((sum, input) => sum + rows(input), 0), ...first.dims.slice(1)], data };
}
