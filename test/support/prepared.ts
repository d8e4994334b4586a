import { basename } from 'node:path';
import { expect } from 'vitest';
import { HmacPseudonyms } from '../../src/aws/pseudonyms.ts';
import { InputFault, type Reason, reasonOf } from '../../src/contracts/reasons.ts';
import type { Attributes } from '../../src/dicom/write.ts';
import type { PhantomStudySpec } from '../../src/phantom/study.ts';
import { createPixelDecoder } from '../../src/pictures/decoder.ts';
import { DEFAULT_LIMITS, openUpload, type UploadFile, type UploadLimits } from '../../src/pipeline/prepare-files.ts';
import { prepareUpload } from '../../src/pipeline/prepare-upload.ts';
import type { PreparedStudy, PreparedUpload } from '../../src/pipeline/prepared.ts';
import { studyOnce } from './drawn-once.ts';

const secret = Buffer.alloc(32, 7);
export const testPseudonyms = new HmacPseudonyms({ current: async () => ({ version: 1, secret }) });

const SMALL = { seed: 8, rows: 96, columns: 80, spacingMm: [3, 3] as const, t2Slices: 7, t1Slices: 2 };

/** The files of a small drawn study. */
export const filesOf = (spec: Partial<PhantomStudySpec> = {}) => [...studyOnce({ ...SMALL, ...spec }).files];

/** A study of T2 slices alone with other attributes. */
export const override = (attributes: Attributes) => ({ override: attributes, t1Slices: 0, localizer: false });

/** Real ingest on bytes: one decoder for a test file; `close` it. */
export function ingestBench(limits: Partial<UploadLimits> = {}) {
  const decoder = createPixelDecoder({ workers: 1 });
  const budgets = { ...DEFAULT_LIMITS, ...limits };
  const prepare = (files: AsyncIterable<UploadFile> | Iterable<UploadFile>): Promise<PreparedUpload> =>
    prepareUpload({
      tenant: 'clinic',
      files,
      pseudonyms: testPseudonyms,
      decoder,
      limits: budgets,
      uploadHash: 'f'.repeat(64),
    });
  /** Files as the parts of an upload. */
  const files = (entries: ReadonlyArray<{ name: string; bytes: Buffer }>) =>
    prepare(entries.map(({ name, bytes }) => ({ name, size: bytes.length, read: async () => bytes })));
  return {
    decoder,
    files,
    /** The one study of an upload of a small drawn study. */
    async study(spec: Partial<PhantomStudySpec> = {}): Promise<PreparedStudy> {
      const { studies } = await files(filesOf(spec));
      expect(studies).toHaveLength(1);
      return studies[0]!;
    },
    /** One uploaded object. */
    object: (name: string, bytes: Buffer) => prepare(openUpload(name, bytes, budgets)),
    close: () => decoder.close(),
  };
}

/** How an upload ended: of the upload's faults, or its studies' verdicts. */
export interface Ending {
  readonly status: 'accepted' | 'rejected' | 'quarantined';
  readonly reasons: readonly Reason[];
  readonly upload: PreparedUpload | null;
}

/** The ending of one uploaded object that holds at most one study. Any error but a fault of the input is thrown. */
export async function endingOf(bench: ReturnType<typeof ingestBench>, path: string, bytes: Buffer): Promise<Ending> {
  try {
    const upload = await bench.object(basename(path), bytes);
    const [first] = upload.studies;
    if (first === undefined) return { status: 'rejected', reasons: upload.reasons, upload };
    if (first.verdict === 'ok') return { status: 'accepted', reasons: upload.reasons, upload };
    return { ...first.verdict, upload };
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    return { status: 'rejected', reasons: [reasonOf(error.code)], upload: null };
  }
}
