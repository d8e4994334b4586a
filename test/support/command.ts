import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reason } from '../../src/contracts/reasons.ts';
import { reportSchema } from '../../src/contracts/report.ts';

const BIN = fileURLToPath(new URL('../../bin/discflow.js', import.meta.url));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as a user calls it, with its data folder below `folder`: processes of their own without a terminal. */
export function commandIn(folder: string) {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
  const ended = (file: string, args: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(file, args, { env, maxBuffer: 1e8 }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
      });
    });
  return {
    run: (...args: string[]): Promise<Ended> => ended(process.execPath, [BIN, ...args]),
    /** Where no file may grow beyond so many KiB, as on a full disc. */
    runLimited: (kib: number, ...args: string[]): Promise<Ended> =>
      ended('bash', ['-c', `ulimit -f ${kib}; exec "$0" "$@"`, process.execPath, BIN, ...args]),
    start: (...args: string[]) => new RunningCommand(spawn(process.execPath, [BIN, ...args], { env, stdio: 'pipe' })),
  };
}

/** The lines of `--json`, each with its report. */
export const reportsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { source: string; folder: string; files?: number; leftOut?: Reason[] })
    .map(({ source, folder, files, leftOut, ...report }) => ({
      ...{ source, folder, files, leftOut },
      report: reportSchema.parse(report),
    }));

export class RunningCommand {
  readonly child: ChildProcess;
  /** Exit code and signal. */
  readonly ended: Promise<[number | null, string | null]>;
  stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve([code, signal]));
    });
    child.stdout?.resume();
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8');
    });
  }

  /** Waits for words on standard error; ends with an error where the process ends without them. */
  async says(words: string): Promise<void> {
    while (!this.stderr.includes(words)) {
      const more = new Promise<'more'>((resolve) => {
        this.child.stderr?.once('data', () => resolve('more'));
      });
      if ((await Promise.race([more, this.ended])) !== 'more' && !this.stderr.includes(words)) {
        throw new Error(`ended without "${words}": ${this.stderr}`);
      }
    }
  }
}
