import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sourcesOf } from '../../../src/cli/members.ts';
import type { UploadItem } from '../../../src/contracts/items.ts';
import { storedZip } from '../../../src/phantom/zip.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-members-'));
});
afterAll(async () => rm(root, { recursive: true, force: true }));

const ended = (...members: NonNullable<UploadItem['members']>) =>
  ({ runs: members.map((_, index) => `run${index}`), members }) as unknown as UploadItem;

it('names the first file of each study in an archive, by its place among the files', async () => {
  const source = join(root, 'pictures.zip');
  const names = ['folder/', 'folder/one.png', 'notes.txt', 'two.png'];
  await writeFile(source, storedZip(names.map((name) => ({ name, bytes: Buffer.alloc(0) }))));
  const upload = { name: 'pictures', source, files: [source], extension: '.zip' };
  expect(await sourcesOf(upload, ended({ first: 0, files: 1 }, { first: 2, files: 1 }))).toEqual([
    { source: `${source}!folder/one.png`, member: 'folder/one.png', files: 1 },
    { source: `${source}!two.png`, member: 'two.png', files: 1 },
  ]);
  expect(await sourcesOf(upload, ended({ first: 2, files: 1 }))).toEqual([{ source }]);
});

it('names the first file of each study in a folder', async () => {
  const files = ['a/1', 'a/2', 'b/1'].map((name) => join(root, name));
  const upload = { name: 'x', source: root, files, extension: null };
  expect(await sourcesOf(upload, ended({ first: 0, files: 2 }, { first: 2, files: 1 }))).toEqual([
    { source: join(root, 'a/1'), member: 'a/1', files: 2 },
    { source: join(root, 'b/1'), member: 'b/1', files: 1 },
  ]);
});

it('keeps to the path as given for the only study of an upload, and where names cannot be had', async () => {
  const source = join(root, 'gone.zip');
  const upload = { name: 'gone', source, files: [source], extension: '.zip' };
  expect(await sourcesOf(upload, ended({ first: 3, files: 1 }))).toEqual([{ source }]);
  const two = ended({ first: 0, files: 1 }, { first: 1, files: 1 });
  expect(await sourcesOf(upload, two)).toEqual([{ source }, { source }]);
  const { members: _, ...old } = two;
  expect(await sourcesOf(upload, old)).toEqual([{ source }, { source }]);
});
