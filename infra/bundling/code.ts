import { chmodSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AssetHashType, type BundlingOptions, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { bundle } from './bundle.ts';
import { copyNatives, type NativeLayer } from './natives.ts';
import { repositoryRoot } from './repository.ts';

/**
 * Bundles in this process: the image is never run, nor is Docker asked for. CDK keeps what it has bundled once by the
 * folder and these options, without `local`: `name` must be another for each that is made otherwise.
 */
function locally(name: string, make: (outputFolder: string) => void): BundlingOptions {
  return {
    image: DockerImage.fromRegistry('none'),
    command: [name],
    local: {
      tryBundle: (outputFolder) => {
        make(outputFolder);
        makeReadable(outputFolder);
        return true;
      },
    },
  };
}

/**
 * Archives keep the modes of this machine, and a function cannot load a file that only the user who bundled it may
 * read, as a umask of 077 leaves it. Source: Lambda Developer Guide, "Troubleshoot deployment issues", permissions.
 */
function makeReadable(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    chmodSync(join(entry.parentPath, entry.name), 0o755);
}

/** An asset whose hash is that of what `make` puts into it: all of it, so that nothing may be excluded. */
const asset = (sourceFolder: string, name: string, make: (outputFolder: string) => void): Code =>
  Code.fromAsset(join(repositoryRoot, sourceFolder), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: locally(name, make),
  });

/** The thread that runs networks, as a module beside the handler that starts it. */
const INFERENCE = { worker: 'src/inference/worker.ts' } as const;
/** The thread that decodes pixels. */
const DECODING = { 'decoder-worker': 'src/pictures/decoder-worker.ts' } as const;

const handler = (folder: string, extra: Readonly<Record<string, string>> = {}) => ({
  handler: `functions/${folder}/handler.ts`,
  ...extra,
});

/** The modules of each function by name. */
export const FUNCTIONS = {
  ingest: handler('ingest', DECODING),
  detect: handler('detect', INFERENCE),
  analyze: handler('analyze', INFERENCE),
  submit: { handler: 'functions/analyze/submit.ts' },
  notified: { handler: 'functions/analyze/notified.ts' },
  sweep: handler('sweep'),
  api: handler('api'),
  webhook: { handler: 'functions/sweep/webhook.ts' },
  backfill: handler('backfill'),
} as const satisfies Record<string, Readonly<Record<string, string>>>;

/** A function's code: its handler and the worker modules it starts. */
export const functionCode = (folder: string, entries: Readonly<Record<string, string>>): Code =>
  asset(folder, JSON.stringify(entries), (outputFolder) => bundle({ entries, outputFolder }));

/** A layer with native packages under `/opt/nodejs/node_modules`. */
export const nativeLayerCode = (layer: NativeLayer): Code =>
  asset('infra', layer, (outputFolder) => copyNatives(layer, join(outputFolder, 'nodejs')));

/** The default pack under `/opt/models`. */
export const modelLayerCode = (): Code =>
  asset('layers/models', 'models', (outputFolder) => {
    mkdirSync(join(outputFolder, 'models'));
    cpSync(join(repositoryRoot, 'layers/models'), join(outputFolder, 'models'), { recursive: true });
  });
