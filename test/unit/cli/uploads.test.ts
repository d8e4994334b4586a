import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { refusalBySize } from '../../../src/cli/uploads.ts';

it('knows an upload that is too large to be read by the sizes of its files together', async () => {
  const root = await mkdtemp(join(tmpdir(), 'discflow-uploads-'));
  try {
    const files = [join(root, 'a.dcm'), join(root, 'b.dcm')];
    for (const file of files) await writeFile(file, '');
    const upload = { name: 'a', source: root, files, extension: null };
    await truncate(files[0]!, 2 ** 31 - 1);
    expect(await refusalBySize(upload)).toBeNull();
    await writeFile(files[1]!, 'x');
    expect(await refusalBySize(upload)).toMatchObject({ code: 'too_large' });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

it('knows an upload of too many files, before it reads any', async () => {
  const upload = (files: number) => ({ name: 'a', source: 'a', files: Array(files).fill('gone.dcm'), extension: null });
  expect(await refusalBySize(upload(5001))).toMatchObject({ code: 'archive_limit' });
  await expect(refusalBySize(upload(5000))).rejects.toThrow('gone.dcm');
});
