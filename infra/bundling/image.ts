import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { copyNatives } from './natives.ts';
import { repositoryRoot } from './repository.ts';

const FOLDER = 'functions/analyze';

/**
 * The folder that the analyze image is built from: the Dockerfile and what it copies, production files alone.
 * @param complete false gives the Dockerfile's own folder, for templates that nobody deploys.
 */
export function imageContext(complete: boolean): string {
  const source = join(repositoryRoot, FOLDER);
  if (!complete) return source;
  const target = join(repositoryRoot, 'cdk.out', '.analyze-image');
  layOutImage(target);
  return target;
}

export function layOutImage(target: string): void {
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
