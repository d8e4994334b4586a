import { readFile } from 'node:fs/promises';
import type { Grey8 } from '../../imaging/image.ts';
import type { PixelDecoder } from '../../pipeline/ports.ts';
import { UsageError } from '../plan.ts';

/** SPIDER's mask values: vertebra, disc, canal. */
const SPIDER_VALUES: Readonly<Record<number, number>> = { 0: 0, 76: 1, 29: 2, 150: 3 };

/**
 * A mask file as classes 0 to 3; SPIDER's own values 0, 76, 29 and 150 are read too. Throws `UsageError` where it cannot
 * be read or holds other values.
 */
export async function readMask(decoder: PixelDecoder, path: string): Promise<Grey8> {
  const { width, height, data } = await decode(decoder, path);
  const values = new Set(data);
  const classOf = [...values].every((value) => value <= 3)
    ? (value: number) => value
    : (value: number) => SPIDER_VALUES[value];
  const unknown = [...values].filter((value) => classOf(value) === undefined);
  if (unknown.length > 0) {
    throw new UsageError(`${path} holds the value ${unknown[0]}; a mask holds 0, 1, 2, 3, or SPIDER's 0, 76, 29, 150`);
  }
  return { depth: 'u8', width, height, data: Uint8Array.from(data, (value) => classOf(value)!) };
}

async function decode(decoder: PixelDecoder, path: string) {
  try {
    return await decoder.decodePicture(await readFile(path));
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    throw new UsageError(`${path} cannot be read as a mask (${cause.message})`, { cause });
  }
}
