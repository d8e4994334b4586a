import { InputFault } from '../../contracts/reasons.ts';
import { type FrameBytes, frameBytes } from '../../dicom/frame-bytes.ts';
import { withoutPadding } from '../../dicom/padding.ts';
import type { PixelDescription } from '../../dicom/pixel-description.ts';
import { decodeRle } from '../../dicom/rle.ts';
import { greyFromWords, nativeWords } from '../../dicom/stored-pixels.ts';
import type { Grey16 } from '../../imaging/image.ts';
import { type CodestreamHeader, checkEndOfCodestream, jpeg2000Header, jpegHeader, withoutBoxes } from './codestream.ts';
import { decodeJpegLossless } from './jpeg-lossless.ts';
import { type DecodedWords, WasmCodec } from './wasm-codec.ts';

const CODECS = {
  'jpeg-ls': new WasmCodec(
    '@cornerstonejs/codec-charls/decodewasmjs',
    '@cornerstonejs/codec-charls/decodewasm',
    'JpegLSDecoder',
  ),
  'jpeg-2000': new WasmCodec(
    '@cornerstonejs/codec-openjpeg/decodewasmjs',
    '@cornerstonejs/codec-openjpeg/decodewasm',
    'J2KDecoder',
  ),
  htj2k: new WasmCodec('@cornerstonejs/codec-openjph/wasmjs', '@cornerstonejs/codec-openjph/wasm', 'HTJ2KDecoder'),
  'jpeg-baseline': new WasmCodec(
    '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs',
    '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm',
    'JPEGDecoder',
  ),
} as const;

/**
 * Decodes one frame of a DICOM file, from 0: unsigned 16 bit, the smallest possible stored value at 0, native
 * orientation, padding as dark as the darkest pixel. `anyModality` reads the pixels of objects that ingest refuses,
 * padding as stored, for tests of the codecs. Throws `InputFault`.
 */
export async function decodeDicomFrame(
  file: Uint8Array,
  frame: number,
  options: { anyModality?: boolean } = {},
): Promise<Grey16> {
  const located = frameBytes(file, frame, options);
  const { words, signed } = await decodeWords(located);
  const description = signed === true ? { ...located.description, signed } : located.description;
  const image = greyFromWords(words, description);
  return options.anyModality === true ? image : withoutPadding(image, description);
}

async function decodeWords({ coding, bytes, description, littleEndian }: FrameBytes): Promise<DecodedWords> {
  const pixels = description.rows * description.columns;
  switch (coding) {
    case 'native':
      return { words: nativeWords(bytes, description, littleEndian), signed: null };
    case 'rle':
      return { words: decodeRle(bytes, pixels, description.bitsAllocated / 8), signed: null };
    case 'jpeg-lossless': {
      const header = checkHeader(jpegHeader(bytes), description, [0xc3]);
      return { words: decodeJpegLossless(bytes, header), signed: null };
    }
    case 'jpeg-ls':
      checkHeader(jpegHeader(bytes), description, [0xf7]);
      return CODECS['jpeg-ls'].decode(bytes, pixels);
    case 'jpeg-baseline':
      checkHeader(jpegHeader(bytes), description, [0xc0, 0xc1]);
      return CODECS['jpeg-baseline'].decode(bytes, pixels);
    case 'jpeg-2000':
    case 'htj2k': {
      const codestream = withoutBoxes(bytes);
      checkHeader(jpeg2000Header(codestream), description, [0x51]);
      // Its decoder fills what is missing with zeros; that of JPEG 2000 refuses it.
      if (coding === 'htj2k') checkEndOfCodestream(codestream);
      return CODECS[coding].decode(codestream, pixels);
    }
  }
}

/** The stream's own size must be the header's before a decoder allocates by it. Returns the stream's header. */
function checkHeader(
  header: CodestreamHeader,
  description: PixelDescription,
  markers: readonly number[],
): CodestreamHeader {
  if (!markers.includes(header.marker))
    throw new InputFault('unsupported_pixels', 'the stream is of another JPEG process');
  if (header.components !== 1) throw new InputFault('unsupported_pixels', 'colour');
  if (header.width !== description.columns || header.height !== description.rows) {
    throw new InputFault('inconsistent_header', 'the compressed pixels have another size than the header says');
  }
  if (header.precision > description.bitsAllocated) {
    throw new InputFault('inconsistent_header', 'the compressed pixels are deeper than the header says');
  }
  return header;
}
