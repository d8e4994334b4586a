import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newRunItem } from '../../../src/aws/transitions.ts';
import { analyzeUpload } from '../../../src/cli/analyze.ts';
import type { UploadItem } from '../../../src/contracts/items.ts';
import { keys } from '../../../src/contracts/keys.ts';
import { newRun } from '../../contract/new-items.ts';
import { MemoryObjectStore } from '../../support/memory-object-store.ts';
import { sampleReport } from '../reporting/report-samples.ts';

it('ends the upload of a file that is gone as incomplete, with a report, and sends nothing', async () => {
  const out = await mkdtemp(join(tmpdir(), 'discflow-analyze-'));
  const unasked = () => Promise.reject(new Error('nothing was sent'));
  const system = {
    data: new MemoryObjectStore() as never,
    submit: unasked,
    untilUploadEnded: unasked,
    untilRunEnded: unasked,
    redrive: unasked,
  };
  const source = join(out, 'gone.png');
  const upload = { name: 'gone', source, files: [source], extension: '.png' };
  try {
    const signal = new AbortController().signal;
    const rows = await analyzeUpload(system, upload, { out, tenant: 'local' }, new Set(['gone']), signal);
    expect(rows.map(({ name, report }) => [name, report.status, report.reasons.map(({ code }) => code)])).toEqual([
      ['gone', 'rejected', ['incomplete_upload']],
    ]);
    expect(JSON.parse(await readFile(join(out, 'gone', 'report.json'), 'utf8'))).toEqual(rows[0]!.report);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});

it.each([
  ['is made once more, and answers', true, 'needs_review', []],
  ['is lost again, and fails with a reason', false, 'failed', ['internal']],
] as const)('a study whose stored answer is lost %s', async (_, kept, status, codes) => {
  const out = await mkdtemp(join(tmpdir(), 'discflow-analyze-'));
  const run = { ...newRunItem(newRun({ tenant: 'local' }), 0), status: 'needs_review' as const };
  const { runKey } = run;
  const data = new MemoryObjectStore();
  const redriven: string[] = [];
  const system = {
    data: data as never,
    submit: async () => 'upload-1',
    untilUploadEnded: async () => ({ status: 'expanded', runs: [runKey], reasons: [] }) as unknown as UploadItem,
    untilRunEnded: async () => run,
    redrive: async (key: string) => {
      redriven.push(key);
      const answer = { ...sampleReport(), reasons: [] };
      const at = keys.run(run.tenant, run.studyKey, runKey, 'report.json');
      if (kept) await data.put(at, Buffer.from(JSON.stringify(answer)), { contentType: 'x' });
      return true;
    },
  };
  const source = join(out, 'scan.png');
  await writeFile(source, 'a picture');
  const upload = { name: 'scan', source, files: [source], extension: '.png' };
  try {
    const signal = new AbortController().signal;
    const rows = await analyzeUpload(system, upload, { out, tenant: 'local' }, new Set(['scan']), signal);
    expect(rows.map(({ report }) => [report.status, report.reasons.map(({ code }) => code)])).toEqual([
      [status, codes],
    ]);
    expect(redriven).toEqual([runKey]);
    expect(JSON.parse(await readFile(join(out, 'scan', 'report.json'), 'utf8'))).toEqual(rows[0]!.report);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});
