import type { Reason } from '../contracts/reasons.ts';
import type { Slice, Study } from '../contracts/study.ts';
import type { Grey16 } from '../imaging/image.ts';
import type { PixelDecoder, Pseudonyms } from './ports.ts';

export type Verdict = 'ok' | { status: 'rejected' | 'quarantined'; reasons: Reason[] };

export interface PreparedStudy {
  readonly study: Study;
  /** In the order of `study.slices`, stored orientation. */
  readonly slices: readonly Grey16[];
  readonly verdict: Verdict;
}

export interface PreparedUpload {
  /** In the order of their first files. */
  readonly studies: readonly UploadedStudy[];
  /** Why files were left out, with counts; where there is no study, why the upload ends. */
  readonly reasons: readonly Reason[];
}

export interface PrepareContext {
  readonly tenant: string;
  readonly pseudonyms: Pseudonyms;
  readonly decoder: PixelDecoder;
}

export type SliceFacts = Omit<Slice, 'index' | 'file'>;

/** Which files of an upload a study is made of: the first one's place, from 0, and how many they are. */
export interface Members {
  readonly first: number;
  readonly files: number;
}

export interface UploadedStudy extends PreparedStudy {
  readonly members: Members;
}
