import { basename } from 'node:path';
import { HmacPseudonyms } from '../../src/aws/pseudonyms.ts';
import { InputFault, type Reason, reasonOf } from '../../src/contracts/reasons.ts';
import { createPixelDecoder } from '../../src/pictures/decoder.ts';
import { DEFAULT_LIMITS, openUpload, type UploadFile, type UploadLimits } from '../../src/pipeline/prepare-files.ts';
import { prepareUpload } from '../../src/pipeline/prepare-upload.ts';
import type { PreparedUpload } from '../../src/pipeline/prepared.ts';

const secret = Buffer.alloc(32, 7);
export const testPseudonyms = new HmacPseudonyms({ current: async () => ({ version: 1, secret }) });

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
  return {
    decoder,
    /** Files as the parts of an upload. */
    files: (entries: ReadonlyArray<{ name: string; bytes: Buffer }>) =>
      prepare(entries.map(({ name, bytes }) => ({ name, size: bytes.length, read: async () => bytes }))),
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
