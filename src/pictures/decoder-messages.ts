import type { ReasonCode } from '../contracts/reasons.ts';
import type { DicomObject, DicomOrigin } from '../dicom/object.ts';
import type { Grey16 } from '../imaging/image.ts';

/** What the decoder worker is asked; the bytes are moved, not shared. */
export type DecoderRequest =
  | { readonly kind: 'header'; readonly bytes: Uint8Array }
  | { readonly kind: 'origin'; readonly bytes: Uint8Array }
  | { readonly kind: 'frame'; readonly bytes: Uint8Array; readonly frame: number };

/** What it answers: one answer a request, in order. */
export type DecoderAnswer =
  | { readonly kind: 'header'; readonly object: DicomObject }
  | { readonly kind: 'origin'; readonly origin: DicomOrigin }
  | { readonly kind: 'frame'; readonly image: Grey16 }
  | { readonly kind: 'fault'; readonly code: ReasonCode; readonly detail: string | null };
