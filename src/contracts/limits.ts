export const MIB = 1024 * 1024;

/** Of one file of an upload, inflated. */
export const MAX_FILE_BYTES = 512 * MIB;

/** Of an upload: Node reads no larger file in one piece, and takes no more into a hash at once. */
export const MAX_UPLOAD_BYTES = 2 ** 31 - 1;

/** What the program takes of a function's memory beside an upload: Node, its libraries, the decoders' heaps. */
const OWN_BYTES = 256 * MIB;

/**
 * The largest upload that an ingest of this memory can hold: the object is in memory whole, beside the largest file in
 * it twice, inflated and as the decoder's copy.
 */
export const uploadBytesFor = (memoryMiB: number): number =>
  Math.min(MAX_UPLOAD_BYTES, memoryMiB * MIB - 2 * MAX_FILE_BYTES - OWN_BYTES);
