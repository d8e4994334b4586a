import { promises } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { planUploads, studyFolders, UsageError } from '../../../src/cli/plan.ts';
import { rejectedReport } from '../../../src/reporting/rejected.ts';

const PART10 = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]);
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-plan-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  await rm(root, { recursive: true, force: true });
});

async function put(path: string, bytes: Buffer = PART10): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), bytes);
}

/** Lets files of the root not be opened, as those of another user: tests may run as one who may read everything. */
function lock(...paths: string[]): void {
  const locked = new Set(paths.map((path) => join(root, path)));
  const { open } = promises;
  vi.spyOn(promises, 'open').mockImplementation(async (path, ...rest) => {
    if (locked.has(String(path))) throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    return open(path, ...rest);
  });
  syncBuiltinESMExports();
}

/** Name, number of files and extension of each upload, in order, and the files left out. */
async function planOf(...paths: string[]) {
  const { uploads, ignored } = await planUploads(paths.map((path) => join(root, path)));
  return { uploads: uploads.map(({ name, files, extension }) => [name, files.length, extension ?? 'loose']), ignored };
}

describe('planUploads', () => {
  it('calls an empty path wrong use, as that of a variable that is not set', async () => {
    await put('study/IM1');
    await expect(planUploads([join(root, 'study'), ''])).rejects.toThrow('one of the paths is empty');
  });

  it('makes the DICOM files of each folder one upload, and each zip and picture one of its own', async () => {
    for (const path of ['study/IM1', 'study/2.dcm', 'study/sub/3.IMA', 'study/a.png', 'study/b.zip']) await put(path);
    await put('study/notes.txt', Buffer.from('notes'));
    await put('study/.hidden');
    expect(await planOf('study')).toEqual({
      uploads: [
        ['a', 1, '.png'],
        ['b', 1, '.zip'],
        ['sub', 1, 'loose'],
        ['study', 2, 'loose'],
      ],
      ignored: 2,
    });
  });

  it('does not enter the folder for results, however it is spelt, also inside an exchange medium', async () => {
    for (const path of ['in/a.zip', 'in/out/a/IM1', 'cd/DICOMDIR', 'cd/IM1', 'cd/out/cd/IM2']) await put(path);
    await symlink(join(root, 'in'), join(root, 'link'));
    const from = async (folder: string, out: string) => {
      const { uploads, ignored } = await planUploads([join(root, folder)], join(root, out));
      return [uploads.map(({ name, files }) => [name, files.length]), ignored];
    };
    expect(await from('in', 'link/out')).toEqual([[['a', 1]], 0]);
    expect(await from('cd', 'cd/out')).toEqual([[['cd', 1]], 0]);
    expect(await from('cd', 'cd')).toEqual([[['cd', 2]], 0]);
    expect(await from('in/out/a', 'in/out')).toEqual([[['a', 1]], 0]);
  });

  it('leaves out the pictures of earlier results, and no others, where results lie among the input', async () => {
    const refused = { status: 'rejected' as const, reasons: [], tenant: 'local', study: null, runKey: null };
    for (const name of ['one', 'two']) {
      for (const file of ['overlay.png', 'mask.png', `${name}-scan.png`]) await put(`in/${name}/${file}`);
      await put(`in/${name}/report.json`, Buffer.from(JSON.stringify(rejectedReport(refused))));
    }
    await put('in/other/mask.png');
    await put('in/other/report.json', Buffer.from('{"schema":"of another program"}'));
    const { uploads, ignored } = await planUploads([join(root, 'in')], join(root, 'in'));
    expect([uploads.map(({ name }) => name), ignored]).toEqual([['one-scan', 'mask', 'two-scan'], 7]);
  });

  it.each(['...png', '..png'])('gives the picture %s a name that stays inside the folder for results', async (name) => {
    await put(name);
    expect(await planOf(name)).toEqual({ uploads: [['study', 1, '.png']], ignored: 0 });
  });

  it('makes a file that may not be opened an upload of its own, beside the study in its folder', async () => {
    for (const path of ['study/IM1', 'study/IM2', 'study/locked', 'cd/DICOMDIR', 'cd/IM1', 'cd/locked-too'])
      await put(path);
    lock('study/locked', 'cd/locked-too');
    expect(await planOf('study', 'cd')).toEqual({
      uploads: [
        ['locked', 1, '.dcm'],
        ['study', 2, 'loose'],
        ['locked-too', 1, '.dcm'],
        ['cd', 1, 'loose'],
      ],
      ignored: 0,
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
    await put('notes.txt', Buffer.from('no DICOM'));
    const uploads = [
      ['scan', 1, '.dcm'],
      ['notes', 1, '.txt'],
    ];
    expect(await planOf('scan', 'notes.txt')).toEqual({ uploads, ignored: 0 });
  });

  it('knows a lone DICOM file by its bytes, and takes the last number of a UID for no extension', async () => {
    await put('1.2.840.7');
    await put('MR.ima');
    expect(await planOf('1.2.840.7')).toEqual({ uploads: [['1.2.840.7', 1, '.dcm']], ignored: 0 });
    expect(await planOf('MR.ima')).toEqual({ uploads: [['MR', 1, '.dcm']], ignored: 0 });
  });

  it('makes DICOM files of one folder one upload too where each is named, as a shell does for a pattern', async () => {
    for (const path of ['study/IM1', 'study/IM2', 'study/a.png', 'other/1.2.3']) await put(path);
    expect(await planOf('study/IM1', 'study/a.png', 'study/IM2', 'other/1.2.3')).toEqual({
      uploads: [
        ['a', 1, '.png'],
        ['study', 2, 'loose'],
        ['1.2.3', 1, '.dcm'],
      ],
      ignored: 0,
    });
  });

  it('calls a pipe or a device wrong use instead of waiting for it', async () => {
    await expect(planUploads(['/dev/null'])).rejects.toThrow(UsageError);
  });

  it('follows no link to a folder', async () => {
    await put('study/IM1');
    await put('elsewhere/IM2');
    await symlink(join(root, 'elsewhere'), join(root, 'study', 'link'));
    expect(await planOf('study')).toEqual({ uploads: [['study', 1, 'loose']], ignored: 1 });
  });

  it('takes a link to a file for the file, and one that leads nowhere for a file that cannot be opened', async () => {
    for (const path of ['store/1', 'store/2', 'store/3']) await put(path);
    await mkdir(join(root, 'study', 'medium'), { recursive: true });
    await put('study/medium/DICOMDIR');
    const link = (to: string, path: string) => symlink(to, join(root, 'study', path));
    await link(join(root, 'store/1'), 'IM1');
    await link(join(root, 'store/2'), 'a.zip');
    await link(join(root, 'store/3'), 'medium/IM3');
    await link('/dev/null', 'device.zip');
    await link(join(root, 'store/gone'), 'gone');
    expect(await planOf('study')).toEqual({
      uploads: [
        ['a', 1, '.zip'],
        ['gone', 1, '.dcm'],
        ['medium', 1, 'loose'],
        ['study', 1, 'loose'],
      ],
      ignored: 1,
    });
  });

  it('calls names that collide, also but for their case, and paths that hold nothing, wrong use', async () => {
    for (const path of ['a/One.png', 'b/one.zip']) await put(path);
    await mkdir(join(root, 'empty'));
    await expect(planOf('a', 'b')).rejects.toThrow(UsageError);
    await expect(planOf('empty')).rejects.toThrow('no zip, DICOM, PNG or JPEG file');
    await expect(planOf('nowhere')).rejects.toThrow('no such file or folder');
  });
});

describe('studyFolders', () => {
  it('numbers the studies of one upload, and passes over a number that is the name of another upload', () => {
    expect(studyFolders('a', 1, new Set(['a', 'a-1']))).toEqual(['a']);
    expect(studyFolders('a', 2, new Set(['a']))).toEqual(['a-1', 'a-2']);
    expect(studyFolders('A', 2, new Set(['a', 'a-1']))).toEqual(['A-2', 'A-3']);
  });
});
