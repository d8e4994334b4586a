import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { analyzeUpload } from '../../../src/cli/analyze.ts';
import { MemoryObjectStore } from '../../support/memory-object-store.ts';

it('ends the upload of a file that is gone as incomplete, with a report, and sends nothing', async () => {
  const out = await mkdtemp(join(tmpdir(), 'discflow-analyze-'));
  const unasked = () => Promise.reject(new Error('nothing was sent'));
  const system = {
    data: new MemoryObjectStore() as never,
    submit: unasked,
    untilUploadEnded: unasked,
    untilRunEnded: unasked,
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
