/**
 * Run before the tests: a thread whose module is TypeScript starts from a bundle of it. By itself it would load tsx, which
 * takes more of the processor than most tests; `npm run smoke` starts threads that way.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { bundledSource } from './bundled-source.ts';

const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker };

class BundledWorker extends threads.Worker {
  constructor(file: string | URL, options?: WorkerOptions) {
    const fromSource = file instanceof URL && file.pathname.endsWith('.ts');
    if (fromSource) super(bundledSource(fileURLToPath(file)), { ...options, execArgv: [] });
    else super(file, options);
  }
}

if (threads.Worker.name !== BundledWorker.name) {
  threads.Worker = BundledWorker;
  syncBuiltinESMExports();
}
