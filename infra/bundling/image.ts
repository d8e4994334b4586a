import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { copyNatives } from './natives.ts';
import { repositoryRoot } from './repository.ts';

const FOLDER = 'functions/analyze';

/**
 * The folder that the analyze image is built from: the Dockerfile and what it copies, production files alone.
 * @param outdir where the app is synthesised to; undefined gives the Dockerfile's own folder, for templates that nobody
 * deploys.
 */
export function imageContext(outdir: string | undefined): string {
  if (outdir === undefined) return join(repositoryRoot, FOLDER);
  const target = join(outdir, '.analyze-image');
  layOutImage(target);
  return target;
}

function layOutImage(target: string): void {
  rmSync(target, { recursive: true, force: true });
  layOutWorker(join(target, 'app'));
  copyNatives('installer', join(target, 'installer'));
  cpSync(join(repositoryRoot, 'layers/models'), join(target, 'models'), { recursive: true });
  cpSync(join(repositoryRoot, FOLDER, 'Dockerfile'), join(target, 'Dockerfile'));
}

/** The program of the image: bundles and native packages. */
export function layOutWorker(app: string): void {
  mkdirSync(app, { recursive: true });
  bundle({
    entries: {
      main: `${FOLDER}/main.ts`,
      worker: 'src/inference/worker.ts',
      'decoder-worker': 'src/pictures/decoder-worker.ts',
    },
    outputFolder: app,
  });
  for (const layer of ['pictures', 'inference'] as const) copyNatives(layer, app);
}
