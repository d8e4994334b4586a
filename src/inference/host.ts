import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { RunRecord } from '../contracts/report.ts';

/** What `run.json` says of the machine: versions and platform, nothing that names it. */
export function hostFacts(): RunRecord['host'] {
  const require = createRequire(import.meta.url);
  const manifest = JSON.parse(readFileSync(require.resolve('onnxruntime-node/package.json'), 'utf8')) as {
    version: string;
  };
  return {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    onnxruntime: manifest.version,
  };
}
