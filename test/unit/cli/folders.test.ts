import { InvalidArgumentError } from 'commander';
import { expect, it } from 'vitest';
import { cacheFolder, folderName } from '../../../src/cli/folders.ts';

it.each([
  ['not set', undefined, '/home/ada/.cache/discflow'],
  ['empty', '', '/home/ada/.cache/discflow'],
  ['relative', 'cache', '/home/ada/.cache/discflow'],
  ['absolute', '/var/cache', '/var/cache/discflow'],
])('the data folder never lies in the working folder: XDG_CACHE_HOME %s', (_, set, folder) => {
  expect(cacheFolder(set, '/home/ada')).toBe(folder);
});

it('an empty name of a folder is wrong use, any other is taken as it is', () => {
  expect(() => folderName('')).toThrow(InvalidArgumentError);
  expect(folderName('./ä b')).toBe('./ä b');
});
