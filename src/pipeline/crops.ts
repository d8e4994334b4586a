import { z } from 'zod';
import type { Grey8 } from '../imaging/image.ts';

/**
 * One file of packed crops: the 8 bytes `DFCROPS1`, the header's length as unsigned 32-bit little endian, the header as
 * UTF-8 JSON, then the crops' pixels one after another, 8-bit grey, row major.
 */
const MAGIC = Buffer.from('DFCROPS1', 'latin1');
const PREFIX = MAGIC.length + 4;

const headerSchema = z.strictObject({
  schema: z.literal('discflow.crops/1'),
  crops: z.array(
    z.strictObject({
      /** A disc's level, or the crop rule's name in the region's file. */
      id: z.string(),
      /** Top left corner in pixels of the upright slice. */
      x: z.int().nonnegative(),
      y: z.int().nonnegative(),
      width: z.int().positive(),
      height: z.int().positive(),
    }),
  ),
});

/** Pixels cut out of the upright slice at `x`, `y`. */
export interface PackedCrop {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly image: Grey8;
}

export function packCrops(crops: readonly PackedCrop[]): Buffer {
  const header = {
    schema: 'discflow.crops/1',
    crops: crops.map(({ id, x, y, image }) => ({ id, x, y, width: image.width, height: image.height })),
  } satisfies z.infer<typeof headerSchema>;
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([MAGIC, length, text, ...crops.map(({ image }) => image.data)]);
}

/** Crops by id. Throws `Error` where the bytes are no file of packed crops: our own output is broken. */
export function unpackCrops(file: Uint8Array): Map<string, PackedCrop> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < PREFIX || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new Error('no file of packed crops');
  let at = PREFIX + bytes.readUInt32LE(MAGIC.length);
  const header = headerSchema.parse(JSON.parse(bytes.toString('utf8', PREFIX, at)));
  const crops = new Map<string, PackedCrop>();
  for (const { id, x, y, width, height } of header.crops) {
    const data = new Uint8Array(bytes.subarray(at, at + width * height));
    at += width * height;
    if (data.length !== width * height) throw new Error('a file of packed crops ends early');
    crops.set(id, { id, x, y, image: { depth: 'u8', width, height, data } });
  }
  if (at !== bytes.length) throw new Error('a file of packed crops is longer than its header says');
  return crops;
}
