import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { InputFault } from '../../contracts/reasons.ts';

/** A decoder class of the Cornerstone codecs (Emscripten): buffers are views of its own memory. */
interface WasmDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned?: boolean };
  delete(): void;
}

type WasmModule = Readonly<Record<string, new () => WasmDecoder>>;
type WasmFactory = (options: { wasmBinary: Uint8Array; print(): void; printErr(): void }) => Promise<WasmModule>;

const require = createRequire(import.meta.url);

/** Words as the stream holds them, and the stream's own word on their sign where it has one. */
export interface DecodedWords {
  readonly words: Uint16Array;
  readonly signed: boolean | null;
}

/** One WASM codec, loaded once and dropped after any fault, since its memory may then be spoilt. */
export class WasmCodec {
  readonly #script: string;
  readonly #binary: string;
  readonly #className: string;
  #module: Promise<WasmModule> | null = null;

  constructor(script: string, binary: string, className: string) {
    this.#script = script;
    this.#binary = binary;
    this.#className = className;
  }

  /** Decodes one frame of one component. Throws `InputFault('malformed')` where the stream is spoilt. */
  async decode(bytes: Uint8Array, pixels: number): Promise<DecodedWords> {
    this.#module ??= this.#load();
    const loaded = await this.#module;
    const Decoder = loaded[this.#className];
    if (Decoder === undefined) throw new Error(`codec without ${this.#className}`);
    try {
      return run(new Decoder(), bytes, pixels);
    } catch (cause) {
      this.#module = null;
      if (cause instanceof InputFault) throw cause;
      throw new InputFault('malformed', 'the compressed pixels', { cause });
    }
  }

  async #load(): Promise<WasmModule> {
    const factory = require(this.#script) as WasmFactory;
    const wasmBinary = await readFile(require.resolve(this.#binary));
    // openjpeg prints its progress.
    return factory({ wasmBinary, print() {}, printErr() {} });
  }
}

function run(decoder: WasmDecoder, bytes: Uint8Array, pixels: number): DecodedWords {
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { bitsPerSample, isSigned } = decoder.getFrameInfo();
    const decoded = decoder.getDecodedBuffer();
    const width = bitsPerSample > 8 ? 2 : 1;
    if (decoded.length < pixels * width) throw new InputFault('truncated', 'the compressed pixels');
    const view = new DataView(decoded.buffer, decoded.byteOffset, decoded.byteLength);
    const words = new Uint16Array(pixels);
    for (let index = 0; index < pixels; index += 1) {
      words[index] =
        width === 2 ? view.getUint16(2 * index, true) : isSigned === true ? view.getInt8(index) : decoded[index]!;
    }
    return { words, signed: isSigned ?? null };
  } finally {
    decoder.delete();
  }
}
