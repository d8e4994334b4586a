import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Below it, so that packages are found from there. */
const FOLDER = join(ROOT, 'node_modules/.cache/discflow/bundled');
const made = new Map<string, string>();

/** A TypeScript module and what it imports in one file that Node runs, packages aside; made once a process. */
export function bundledSource(path: string): string {
  const known = made.get(path);
  if (known !== undefined) return known;
  const { outputFiles } = buildSync({
    entryPoints: [path],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    write: false,
  });
  const file = join(FOLDER, `${relative(ROOT, path).replaceAll(/[\\/]/g, '-')}.mjs`);
  const part = `${file}.${process.pid}`;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(part, outputFiles[0]!.contents);
  renameSync(part, file);
  made.set(path, file);
  return file;
}
