import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/plan.ts';
import { discFault, told } from '../../../src/cli/process-end.ts';
import { DataFolderError } from '../../../src/embedded/index.ts';

const coded = (code: string, message: string, more: object = {}) =>
  Object.assign(new Error(message), { code, ...more });
const full = coded('LEVEL_IO_ERROR', 'IO error: /data/000003.log: No space left on device');

describe('told', () => {
  it.each([
    ['a full disc', coded('ENOSPC', 'ENOSPC: no space left on device, write', { syscall: 'write' })],
    ['a full disc under the table', full],
    ['no permission', coded('EACCES', 'EACCES: permission denied', { syscall: 'open' })],
    ['a wrong call', new UsageError('no such file')],
    ['a data folder of no use', new DataFolderError('written by another version')],
    ['a damaged table', coded('LEVEL_CORRUPTION', 'Corruption: block checksum mismatch: /data/000005.ldb')],
    ['a damaged index', new Error('IO error: /data/000005.ldb: Invalid argument')],
  ])('says %s in its message alone', (_, error) => {
    expect(told(error)).toBe(error.message);
  });

  it('says a full disc that another error wraps, instead of where the other was thrown', () => {
    expect(told(new Error('PutObject failed', { cause: new Error('500', { cause: full }) }))).toBe(full.message);
  });

  it('prints no character of a file name that would change how the terminal shows the rest', () => {
    const name = 'a\u001b[31m\u202egnp.\u2066.png';
    expect(told(new UsageError(`${name} is taken\n\nA folder holds`))).toBe(
      'a?[31m?gnp.?.png is taken\n\nA folder holds',
    );
    expect(told(coded('EACCES', `EACCES: ${name}`, { syscall: 'open' }))).toBe('EACCES: a?[31m?gnp.?.png');
  });

  it('tells a bug with its stack', () => {
    const bug = new TypeError('x is no function');
    expect(told(bug)).toBe(bug.stack);
  });
});

it.each([coded('EPIPE', 'write EPIPE'), coded('LEVEL_NOT_FOUND', 'not found'), new Error('x'), 'text', undefined])(
  'takes %s for no fault of the disc',
  (error) => {
    expect(discFault(error)).toBeNull();
  },
);
