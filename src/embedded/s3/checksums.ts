import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Checksum algorithms of S3 ("Checking object integrity"); CRC64NVME is the reflected CRC-64/NVME. */
export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export const checksumHeader = (algorithm: ChecksumAlgorithm): string => `x-amz-checksum-${algorithm.toLowerCase()}`;

export interface RunningChecksum {
  update(chunk: Uint8Array): void;
  digest(): Buffer;
}

export function runningChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  if (algorithm === 'CRC32') return new Crc32();
  if (algorithm === 'CRC32C') return new TableCrc32(CRC32C_TABLE);
  if (algorithm === 'CRC64NVME') return new Crc64Nvme();
  return new HashChecksum(createHash(algorithm === 'SHA1' ? 'sha1' : 'sha256'));
}

class HashChecksum implements RunningChecksum {
  readonly #hash: Hash;
  constructor(hash: Hash) {
    this.#hash = hash;
  }
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }
  digest(): Buffer {
    return this.#hash.digest();
  }
}

class Crc32 implements RunningChecksum {
  #value = 0;
  update(chunk: Uint8Array): void {
    this.#value = crc32(chunk, this.#value);
  }
  digest(): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#value >>> 0);
    return bytes;
  }
}

/** CRC-32C (Castagnoli, RFC 3720): reflected polynomial 0x82F63B78. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

class TableCrc32 implements RunningChecksum {
  readonly #table: Uint32Array;
  #value = 0xffffffff;
  constructor(table: Uint32Array) {
    this.#table = table;
  }
  update(chunk: Uint8Array): void {
    const table = this.#table;
    let value = this.#value;
    for (let i = 0; i < chunk.length; i++) value = (table[(value ^ chunk[i]!) & 0xff]! ^ (value >>> 8)) >>> 0;
    this.#value = value;
  }
  digest(): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE((this.#value ^ 0xffffffff) >>> 0);
    return bytes;
  }
}

/** CRC-64/NVME: reflected polynomial 0x9A6C9329AC4BC9B5, kept as two 32-bit halves. */
const CRC64_TABLE = crc64Table();

function crc64Table(): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    let value = BigInt(index);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n;
    high[index] = Number(value >> 32n);
    low[index] = Number(value & 0xffffffffn);
  }
  return { high, low };
}

class Crc64Nvme implements RunningChecksum {
  #high = 0xffffffff;
  #low = 0xffffffff;
  update(chunk: Uint8Array): void {
    let high = this.#high;
    let low = this.#low;
    for (let i = 0; i < chunk.length; i++) {
      const index = (low ^ chunk[i]!) & 0xff;
      low = (((low >>> 8) | (high << 24)) ^ CRC64_TABLE.low[index]!) >>> 0;
      high = ((high >>> 8) ^ CRC64_TABLE.high[index]!) >>> 0;
    }
    this.#high = high;
    this.#low = low;
  }
  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE((this.#high ^ 0xffffffff) >>> 0, 0);
    bytes.writeUInt32BE((this.#low ^ 0xffffffff) >>> 0, 4);
    return bytes;
  }
}
