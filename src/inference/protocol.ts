/** Messages between the pool and its workers. Buffers are transferred, but for inputs that are handed ahead. */
export interface ModelSpec {
  /** Unique among all packs: pack hash and member id. */
  readonly key: string;
  readonly memberId: string;
  /** Verified bytes of the ONNX file in memory that all workers share. */
  readonly bytes: SharedArrayBuffer;
  /** Sizes the manifest promises; null where any size fits. */
  readonly input: readonly (number | null)[];
  readonly output: readonly (number | null)[];
}

export interface SessionSettings {
  /** Execution providers in order of wish, such as `['cuda', 'cpu']`. */
  readonly providers: readonly string[];
  readonly intraOpNumThreads: number;
}

export type WorkerRequest =
  | { readonly id: number; readonly kind: 'load'; readonly model: ModelSpec }
  | {
      readonly id: number;
      readonly kind: 'run';
      readonly key: string;
      readonly dims: readonly number[];
      readonly data: Float32Array<ArrayBuffer>;
    };

export type WorkerReply =
  | { readonly id: number; readonly kind: 'loaded'; readonly provider: string }
  | {
      readonly id: number;
      readonly kind: 'output';
      readonly dims: readonly number[];
      readonly data: Float32Array<ArrayBuffer>;
      readonly ms: number;
      readonly provider: string;
    }
  | { readonly id: number; readonly kind: 'failed'; readonly unavailable: boolean; readonly error: Error };
