/** How the bytes of a data set and of its pixels are laid out: DICOM PS3.5 section 10 and annex A. */
export interface TransferSyntax {
  readonly uid: string;
  readonly name: string;
  readonly implicit: boolean;
  readonly littleEndian: boolean;
  readonly deflated: boolean;
  /** `native` pixels, a codec we read, or `null` where the pixels cannot be read here. */
  readonly pixels: PixelCoding | null;
}

export type PixelCoding = 'native' | 'rle' | 'jpeg-baseline' | 'jpeg-lossless' | 'jpeg-ls' | 'jpeg-2000' | 'htj2k';

const syntax = (
  uid: string,
  name: string,
  pixels: PixelCoding | null,
  options: { implicit?: boolean; bigEndian?: boolean; deflated?: boolean } = {},
): TransferSyntax => ({
  uid,
  name,
  implicit: options.implicit ?? false,
  littleEndian: !(options.bigEndian ?? false),
  deflated: options.deflated ?? false,
  pixels,
});

/** Every syntax that is read, and those whose data set can be read so that they are refused by name. */
const SYNTAXES = [
  syntax('1.2.840.10008.1.2', 'Implicit VR Little Endian', 'native', { implicit: true }),
  syntax('1.2.840.10008.1.2.1', 'Explicit VR Little Endian', 'native'),
  syntax('1.2.840.10008.1.2.1.99', 'Deflated Explicit VR Little Endian', 'native', { deflated: true }),
  syntax('1.2.840.10008.1.2.2', 'Explicit VR Big Endian', 'native', { bigEndian: true }),
  syntax('1.2.840.10008.1.2.5', 'RLE Lossless', 'rle'),
  syntax('1.2.840.10008.1.2.4.50', 'JPEG Baseline', 'jpeg-baseline'),
  syntax('1.2.840.10008.1.2.4.51', 'JPEG Extended 12-bit', null),
  syntax('1.2.840.10008.1.2.4.57', 'JPEG Lossless', 'jpeg-lossless'),
  syntax('1.2.840.10008.1.2.4.70', 'JPEG Lossless SV1', 'jpeg-lossless'),
  syntax('1.2.840.10008.1.2.4.80', 'JPEG-LS Lossless', 'jpeg-ls'),
  syntax('1.2.840.10008.1.2.4.81', 'JPEG-LS Near-Lossless', 'jpeg-ls'),
  syntax('1.2.840.10008.1.2.4.90', 'JPEG 2000 Lossless', 'jpeg-2000'),
  syntax('1.2.840.10008.1.2.4.91', 'JPEG 2000', 'jpeg-2000'),
  syntax('1.2.840.10008.1.2.4.92', 'JPEG 2000 Part 2 Lossless', null),
  syntax('1.2.840.10008.1.2.4.93', 'JPEG 2000 Part 2', null),
  syntax('1.2.840.10008.1.2.4.94', 'JPIP Referenced', null),
  syntax('1.2.840.10008.1.2.4.95', 'JPIP Referenced Deflate', null, { deflated: true }),
  syntax('1.2.840.10008.1.2.4.100', 'MPEG2 Main Profile', null),
  syntax('1.2.840.10008.1.2.4.101', 'MPEG2 High Level', null),
  syntax('1.2.840.10008.1.2.4.102', 'MPEG-4 AVC', null),
  syntax('1.2.840.10008.1.2.4.103', 'MPEG-4 AVC BD-compatible', null),
  syntax('1.2.840.10008.1.2.4.107', 'HEVC Main Profile', null),
  syntax('1.2.840.10008.1.2.4.108', 'HEVC Main 10 Profile', null),
  syntax('1.2.840.10008.1.2.4.110', 'JPEG XL Lossless', null),
  syntax('1.2.840.10008.1.2.4.111', 'JPEG XL JPEG Recompression', null),
  syntax('1.2.840.10008.1.2.4.112', 'JPEG XL', null),
  syntax('1.2.840.10008.1.2.4.201', 'HTJ2K Lossless', 'htj2k'),
  syntax('1.2.840.10008.1.2.4.202', 'HTJ2K Lossless RPCL', 'htj2k'),
  syntax('1.2.840.10008.1.2.4.203', 'HTJ2K', 'htj2k'),
] as const;

const BY_UID: ReadonlyMap<string, TransferSyntax> = new Map(SYNTAXES.map((entry) => [entry.uid, entry]));

/** The syntax of a UID, or null where its data set cannot be read. */
export const transferSyntaxOf = (uid: string): TransferSyntax | null => BY_UID.get(uid) ?? null;
