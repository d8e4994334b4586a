import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buildSync } from 'esbuild';
import { NATIVE_PACKAGES } from './natives.ts';
import { repositoryRoot } from './repository.ts';

export interface BundleOptions {
  /** Entry files from the repository's root by the name of the module they become. */
  readonly entries: Readonly<Record<string, string>>;
  readonly outputFolder: string;
}

/** ES modules have no `require`; packages that stay outside the bundle are loaded through this one. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/**
 * Bundles entry files into one folder as minified ES modules, no npm involved. Native packages are required at run
 * time, because NODE_PATH, by which Lambda offers its layers, serves `require` and not `import`.
 */
export function bundle({ entries, outputFolder }: BundleOptions): void {
  mkdirSync(outputFolder, { recursive: true });
  const shims = mkdtempSync(join(tmpdir(), 'discflow-shims-'));
  try {
    const alias = nativeShims(shims);
    for (const [name, entry] of Object.entries(entries)) {
      if (!existsSync(join(repositoryRoot, entry))) throw new Error(`${basename(outputFolder)}: there is no ${entry}`);
      buildSync({
        absWorkingDir: repositoryRoot,
        entryPoints: [entry],
        outfile: join(outputFolder, `${name}.js`),
        bundle: true,
        platform: 'node',
        target: 'node20',
        format: 'esm',
        minify: true,
        keepNames: true,
        lineLimit: 200,
        legalComments: 'none',
        banner: { js: BANNER },
        alias,
        logLevel: 'error',
      });
    }
    writeFileSync(join(outputFolder, 'package.json'), '{"type":"module"}\n');
  } finally {
    rmSync(shims, { recursive: true });
  }
}

/** One file a native package that requires it by a name the bundler does not see. */
function nativeShims(folder: string): Record<string, string> {
  const shim = (name: string, index: number): [string, string] => {
    const file = join(folder, `${index}.cjs`);
    writeFileSync(file, `module.exports = require([${JSON.stringify(name)}].join(''));\n`);
    return [name, file];
  };
  return Object.fromEntries(NATIVE_PACKAGES.map(shim));
}
