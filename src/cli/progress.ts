import { SingleBar } from 'cli-progress';
import { printable } from './summary.ts';

/** Tells how far the work is: a bar on a terminal, a plain line a study elsewhere; always on standard error. */
export interface Progress {
  finished(name: string, status: string): void;
  stop(): void;
}

export function startProgress(total: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) {
    let done = 0;
    return {
      finished(name, status) {
        done += 1;
        stream.write(`[${done}/${total}] ${printable(name)}: ${status}\n`);
      },
      stop() {},
    };
  }
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} studies, {eta_formatted} left  {name}',
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, 0, { name: '' });
  return {
    finished(name, status) {
      bar.increment(1, { name: `${printable(name)}: ${status}` });
    },
    stop() {
      bar.stop();
    },
  };
}
