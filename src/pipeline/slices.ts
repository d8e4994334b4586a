import type { Grey16 } from '../imaging/image.ts';

/** A candidate slice as it lies in the data bucket: unsigned 16-bit little endian, row major, no header. */
export function encodeSlice(slice: Grey16): Uint8Array {
  return new Uint8Array(slice.data.buffer, slice.data.byteOffset, slice.data.byteLength);
}

/** @throws Error where the object's length is not `rows * columns * 2`: our own output is broken. */
export function decodeSlice(bytes: Uint8Array, size: { rows: number; columns: number }): Grey16 {
  const values = size.rows * size.columns;
  if (bytes.byteLength !== values * 2) throw new Error('a stored slice does not have the length of its size');
  const data = new Uint16Array(values);
  new Uint8Array(data.buffer).set(bytes);
  return { depth: 'u16', width: size.columns, height: size.rows, data };
}
