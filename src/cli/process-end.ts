import { DataFolderError } from '../embedded/data-folder.ts';
import { UsageError } from './plan.ts';
import { printable } from './summary.ts';

const ending = new AbortController();

/**
 * Aborted where the command must come to an early end: its reason is the error of a disc that fails, or, once
 * nobody reads its output any more, as behind `| head`, an abort like that of Ctrl-C.
 */
export const earlyEnd: AbortSignal = ending.signal;

/** The error that the command ends early for; null where there is none. */
export const failure = (): Error | null => discFault(earlyEnd.reason);

/** A service whose disc fails may never answer the one who closes it. */
const CLOSE_WITHIN_MS = 8_000;

/** For the whole life of the command: what would end it in the middle of its work lets it close first. */
export function watchProcess(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      ending.abort();
    });
  }
  process.on('uncaughtException', (error) => {
    if (!endEarly(error)) endNow(error);
  });
}

/**
 * Ends the command where its disc fails; false for any other error. The embedded table throws such an error
 * where no caller can catch it, and threads in the middle of a network would abort a process that exits at once.
 */
export function endEarly(error: unknown): boolean {
  const fault = discFault(error);
  if (fault === null) return false;
  setTimeout(() => endNow(fault), CLOSE_WITHIN_MS).unref();
  ending.abort(fault);
  return true;
}

function endNow(error: unknown): never {
  process.stderr.write(`discflow: ${told(error)}\n`);
  process.exit(1);
}

/** A wrong call, a data folder of no use and an error of the file system say all in their message; a bug needs more. */
export function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const fault = discFault(error);
  if (fault !== null) return printableLines(fault.message);
  const plain = error instanceof UsageError || error instanceof DataFolderError || 'syscall' in error;
  return plain ? printableLines(error.message) : (error.stack ?? error.message);
}

/** Messages name files that others have named. */
const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** No space, no quota, a file too large, what LevelDB makes of them, and a database that is damaged. */
const FAULTS = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'LEVEL_IO_ERROR', 'LEVEL_CORRUPTION']);
/** LevelDB's errors of synchronous reads have no code. */
const FAULT_WORDS = /^(?:IO error|Corruption): /;

/**
 * The error itself or the one of its causes that says that the disc takes no more, or that it gives back other bytes
 * than it was given; null where there is none.
 */
export function discFault(error: unknown): Error | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof DataFolderError) return null;
    if (FAULTS.has(String((at as NodeJS.ErrnoException).code)) || FAULT_WORDS.test(at.message)) return at;
  }
  return null;
}
