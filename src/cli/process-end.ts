import { UsageError } from './plan.ts';

const ending = new AbortController();

/**
 * Aborted where the command must come to an early end: its reason is the error of a disc that takes no more, or, once
 * nobody reads its output any more, as behind `| head`, an abort like that of Ctrl-C.
 */
export const earlyEnd: AbortSignal = ending.signal;

/** The error that the command ends early for; null where there is none. */
export const failure = (): Error | null => refusedWrite(earlyEnd.reason);

/** A service whose disc is full may never answer the one who closes it. */
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
 * Ends the command where its disc takes no more; false for any other error. The embedded table throws such an error
 * where no caller can catch it, and threads in the middle of a network would abort a process that exits at once.
 */
export function endEarly(error: unknown): boolean {
  const refused = refusedWrite(error);
  if (refused === null) return false;
  setTimeout(() => endNow(refused), CLOSE_WITHIN_MS).unref();
  ending.abort(refused);
  return true;
}

function endNow(error: unknown): never {
  process.stderr.write(`discflow: ${told(error)}\n`);
  process.exit(1);
}

/** A wrong call and an error of the file system (disc full, no permission) say all in their message; a bug needs more. */
export function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const refused = refusedWrite(error);
  if (refused !== null) return refused.message;
  const plain = error instanceof UsageError || 'syscall' in error;
  return plain ? error.message : (error.stack ?? error.message);
}

/** No space, no quota, a file too large, and what LevelDB makes of them. */
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'LEVEL_IO_ERROR']);

/** The error itself or the one of its causes that says that the disc took no more; null where there is none. */
export function refusedWrite(error: unknown): Error | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (NO_ROOM.has(String((at as NodeJS.ErrnoException).code))) return at;
  }
  return null;
}
