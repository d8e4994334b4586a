import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tier } from '../contracts/keys.ts';
import { RUN_FILES } from '../contracts/keys.ts';
import { analyze } from './analyze.ts';
import { packageRoot } from './package-root.ts';

const SAMPLE = 'sample-study';

/** `discflow demo`: the sample study, a drawn phantom, on services and a data folder of its own. */
export async function demo(options: { out: string; pack: string; tier: Tier }): Promise<number> {
  const sample = fileURLToPath(new URL(`examples/${SAMPLE}.zip`, packageRoot()));
  const data = await mkdtemp(join(tmpdir(), 'discflow-demo-'));
  try {
    const code = await analyze([sample], { ...options, tenant: 'demo', concurrency: 1, data, json: false });
    const folder = resolve(options.out, SAMPLE);
    process.stdout.write(`\nReport:  ${join(folder, RUN_FILES.html)}\nOverlay: ${join(folder, RUN_FILES.overlay)}\n`);
    return code;
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}
