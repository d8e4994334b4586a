import { parentPort } from 'node:worker_threads';
import { InputFault } from '../contracts/reasons.ts';
import { readHeader } from '../dicom/header.ts';
import { readOrigin } from '../dicom/origin.ts';
import { decodeDicomFrame } from './codecs/frame-decoder.ts';
import type { DecoderAnswer, DecoderRequest } from './decoder-messages.ts';

async function answer(request: DecoderRequest): Promise<DecoderAnswer> {
  try {
    if (request.kind === 'header') return { kind: 'header', object: readHeader(request.bytes) };
    if (request.kind === 'origin') return { kind: 'origin', origin: readOrigin(request.bytes) };
    return { kind: 'frame', image: await decodeDicomFrame(request.bytes, request.frame) };
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    return { kind: 'fault', code: error.code, detail: error.detail ?? null };
  }
}

parentPort?.on('message', async (request: DecoderRequest) => {
  const message = await answer(request);
  const transfer = message.kind === 'frame' ? [message.image.data.buffer as ArrayBuffer] : [];
  parentPort?.postMessage(message, transfer);
});
