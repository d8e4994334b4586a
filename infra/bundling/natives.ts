import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository.ts';

/**
 * Packages that stay outside the bundles because they load files of their own: native add-ons and WebAssembly.
 * `skip` names dependencies that only their installers use.
 */
export const NATIVE_LAYERS = {
  pictures: {
    packages: [
      'sharp',
      '@img/sharp-linux-x64',
      '@img/sharp-libvips-linux-x64',
      '@cornerstonejs/codec-charls',
      '@cornerstonejs/codec-libjpeg-turbo-8bit',
      '@cornerstonejs/codec-openjpeg',
      '@cornerstonejs/codec-openjph',
    ],
    skip: [],
  },
  inference: { packages: ['onnxruntime-node'], skip: ['adm-zip', 'global-agent'] },
  /** ONNX Runtime with its installer, which fetches the CUDA provider while the image is built. */
  installer: { packages: ['onnxruntime-node'], skip: [] },
} as const satisfies Record<string, { packages: readonly string[]; skip: readonly string[] }>;

export type NativeLayer = keyof typeof NATIVE_LAYERS;

export const NATIVE_PACKAGES: readonly string[] = Object.values(NATIVE_LAYERS).flatMap(({ packages }) => packages);

/** Parts of a package that nothing deployed reads. */
const PRUNED = [
  /\/bin\/napi-v6\/(?!linux(\/|$))[^/]+/,
  /\/bin\/napi-v6\/linux\/(?!x64(\/|$))[^/]+/,
  /\.(map|md|d\.ts|d\.mts|d\.cts|ts|markdown|flow)$/i,
  /\/(test|tests|docs|example|examples|benchmark|\.github)$/,
];

interface PackageJson {
  readonly dependencies?: Record<string, string>;
}

/** Copies the layer's packages with all they require into `<target>/node_modules`, without npm. */
export function copyNatives(layer: NativeLayer, target: string): void {
  const { packages, skip } = NATIVE_LAYERS[layer];
  const modules = join(target, 'node_modules');
  for (const name of closure(packages, skip)) {
    const to = join(modules, name);
    mkdirSync(to, { recursive: true });
    cpSync(sourceOf(name), to, {
      recursive: true,
      dereference: true,
      filter: (path) =>
        (layer === 'installer' || !/\/onnxruntime-node\/script$/.test(path)) &&
        !skip.some((other) => path.endsWith(`/node_modules/${other}`)) &&
        !PRUNED.some((rule) => rule.test(path.slice(path.lastIndexOf('node_modules') + 12))),
    });
  }
}

function closure(names: readonly string[], skip: readonly string[]): string[] {
  const seen = new Set<string>();
  const queue = [...names];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (seen.has(name) || skip.includes(name)) continue;
    seen.add(name);
    const source = sourceOf(name);
    const { dependencies = {} } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as PackageJson;
    // A version of its own lies in the package's folder and is copied with it.
    queue.push(...Object.keys(dependencies).filter((other) => !existsSync(join(source, 'node_modules', other))));
  }
  return [...seen].sort();
}

function sourceOf(name: string): string {
  const folder = join(repositoryRoot, 'node_modules', name);
  if (existsSync(folder)) return folder;
  throw new Error(
    `${name} is not installed: run \`npm ci --os=linux --cpu=x64 --libc=glibc\`, the functions run on Linux`,
  );
}
