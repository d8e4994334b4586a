import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planUploads, UsageError } from '../../../src/cli/plan.ts';

const PART10 = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]);
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-plan-'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

async function put(path: string, bytes: Buffer = PART10): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), bytes);
}

/** Name, number of files and kind of each upload, in order, and the files left out. */
async function planOf(...paths: string[]) {
  const { uploads, ignored } = await planUploads(paths.map((path) => join(root, path)));
  return { uploads: uploads.map(({ name, files, loose }) => [name, files.length, loose ? 'loose' : 'whole']), ignored };
}

describe('planUploads', () => {
  it('makes the DICOM files of each folder one upload, and each zip and picture one of its own', async () => {
    for (const path of ['study/IM1', 'study/2.dcm', 'study/sub/3.IMA', 'study/a.png', 'study/b.zip']) await put(path);
    await put('study/notes.txt', Buffer.from('notes'));
    await put('study/.hidden');
    expect(await planOf('study')).toEqual({
      uploads: [
        ['a', 1, 'whole'],
        ['b', 1, 'whole'],
        ['sub', 1, 'loose'],
        ['study', 2, 'loose'],
      ],
      ignored: 1,
    });
  });

  it('takes a folder with a DICOMDIR for one upload, whatever folders lie below it', async () => {
    for (const path of ['cd/DICOMDIR', 'cd/S1/IM1', 'cd/S1/IM2', 'cd/S2/DEEP/IM1', 'cd/VIEWER/icon.png'])
      await put(path);
    await put('cd/AUTORUN.INF', Buffer.from('x'));
    await put('cd/VIEWER/icon.png', Buffer.from('picture'));
    const expected = { uploads: [['cd', 3, 'loose']], ignored: 2 };
    expect(await planOf('cd')).toEqual(expected);
    expect(await planOf('cd/DICOMDIR')).toEqual(expected);
  });

  it('hands on a DICOMDIR that stands alone, so that it ends with a reason', async () => {
    await put('cd/DICOMDIR');
    expect(await planOf('cd')).toEqual({ uploads: [['cd', 1, 'loose']], ignored: 0 });
  });

  it('takes a file that is named by itself for an upload, whatever it is', async () => {
    await put('scan', Buffer.from('no DICOM'));
    expect(await planOf('scan')).toEqual({ uploads: [['scan', 1, 'whole']], ignored: 0 });
  });

  it('follows no link', async () => {
    await put('study/IM1');
    await put('elsewhere/IM2');
    await symlink(join(root, 'elsewhere'), join(root, 'study', 'link'));
    expect(await planOf('study')).toEqual({ uploads: [['study', 1, 'loose']], ignored: 1 });
  });

  it('calls names that collide, also but for their case, and paths that hold nothing, wrong use', async () => {
    for (const path of ['a/One.png', 'b/one.zip']) await put(path);
    await mkdir(join(root, 'empty'));
    await expect(planOf('a', 'b')).rejects.toThrow(UsageError);
    await expect(planOf('empty')).rejects.toThrow('no zip, DICOM, PNG or JPEG file');
    await expect(planOf('nowhere')).rejects.toThrow('no such file or folder');
  });
});
