import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type AnalyzeBackend, type Config, parseConfig } from '../../infra/config.ts';
import { deploy } from '../../infra/deployment.ts';
import { names } from '../../infra/names.ts';
import type { Embedded } from '../../src/embedded/index.ts';
import { appOf, type Resource } from '../infra/support.ts';

type Value = string | Readonly<Record<string, unknown>>;

interface Template {
  readonly Resources?: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: Value; readonly Export?: { readonly Name: string } }>>;
}

/** What `cdk deploy` would send: templates, and a folder for each asset. */
export interface Synthesised {
  readonly config: Config;
  /** By the stack's id. */
  readonly templates: Readonly<Record<string, Template>>;
  /** The stacks whose assets were made. */
  readonly bundled: readonly string[];
  /** Where all of it lies. */
  readonly directory: string;
  /** The folder that is uploaded under a key. */
  assetFolder(key: unknown): string;
  close(): void;
}

/** Synthesises one backend; `only` are the stacks whose assets are made, where not all are. */
export function synthesise(
  analyze: AnalyzeBackend,
  options: { readonly only?: readonly string[]; readonly change?: Record<string, unknown> } = {},
): Synthesised {
  const { only = ['**'], change = {} } = options;
  const { app, config: read } = appOf({ stage: 'dev', analyze, 'aws:cdk:bundling-stacks': only });
  const config = parseConfig({ ...read, ...change });
  deploy(app, config);
  const { stacks, directory } = app.synth();
  return {
    ...{ config, directory },
    templates: Object.fromEntries(stacks.map(({ id, template }) => [id, template as Template])),
    bundled: stacks.map(({ id }) => id).filter((id) => only.includes('**') || only.includes(id)),
    assetFolder: (key) => join(directory, `asset.${String(key).replace(/\.zip$/, '')}`),
    close: () => rmSync(directory, { recursive: true }),
  };
}

/** Variables as a template gives them, their references replaced by what the embedded services have in that place. */
export function resolved(
  { config, templates }: Synthesised,
  variables: Readonly<Record<string, Value>>,
  { buckets, table, queueUrls }: Embedded,
): Record<string, string> {
  const { prefix, uploadsBucket, backfillBucket, dataBucket } = names(config);
  const literal: Readonly<Record<string, string>> = {
    [uploadsBucket]: buckets.uploads,
    [backfillBucket]: buckets.uploads,
    [dataBucket]: buckets.data,
  };
  const named = ({ Type, Properties }: Resource): string => {
    if (Type === 'AWS::DynamoDB::GlobalTable') return table;
    if (Type === 'AWS::Events::EventBus') return String(Properties.Name);
    const lane = String(Properties.QueueName).replace(`${prefix}-`, '').replace('backfill-', '');
    return queueUrls[(lane === 'webhooks' ? 'announcements' : lane) as keyof typeof queueUrls];
  };
  const textOf = (value: Value): string => {
    if (typeof value === 'string') return literal[value] ?? value;
    const [[intrinsic, argument] = []] = Object.entries(value);
    if (intrinsic === 'Fn::Join') return (argument as [string, Value[]])[1].map(textOf).join('');
    if (intrinsic === 'Fn::ImportValue') return textOf(exported(templates, argument));
    if (argument === 'AWS::Partition') return 'aws';
    if (intrinsic === 'Fn::GetAtt') return (argument as string[]).join('.');
    const found = Object.values(templates).flatMap(({ Resources = {} }) => Resources[String(argument)] ?? []);
    if (intrinsic !== 'Ref' || found.length !== 1) throw new Error(`${JSON.stringify(value)} stands for nothing`);
    return named(found[0]!);
  };
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, textOf(value)]));
}

function exported(templates: Synthesised['templates'], name: unknown): Value {
  for (const { Outputs = {} } of Object.values(templates))
    for (const output of Object.values(Outputs)) if (output.Export?.Name === name) return output.Value;
  throw new Error(`${String(name)} is not exported`);
}

/** The folder of the one image that a stack builds and its template names. */
export function imageFolder({ directory, templates }: Synthesised, stack: string): string {
  const { dockerImages } = JSON.parse(readFileSync(join(directory, `${stack}.assets.json`), 'utf8')) as {
    readonly dockerImages: Readonly<
      Record<string, { readonly source: { readonly directory: string }; readonly destinations: object }>
    >;
  };
  const [image, ...others] = Object.values(dockerImages);
  const [{ imageTag }] = Object.values(image?.destinations ?? {}) as [{ readonly imageTag: string }];
  if (image === undefined || others.length > 0 || !JSON.stringify(templates[stack]).includes(imageTag))
    throw new Error(`${stack} names no image, or more than one`);
  return join(directory, image.source.directory);
}

/** The variables that the worker's container is given: those of its task, or of its model. */
export function containerVariables({ templates }: Synthesised): Readonly<Record<string, Value>> {
  for (const { Type, Properties } of Object.values(templates.Analyze?.Resources ?? {})) {
    if (Type === 'AWS::ECS::TaskDefinition') {
      const [{ Environment } = { Environment: [] }] = Properties.ContainerDefinitions as Array<{
        readonly Environment: ReadonlyArray<{ readonly Name: string; readonly Value: Value }>;
      }>;
      return Object.fromEntries(Environment.map(({ Name, Value }) => [Name, Value]));
    }
    if (Type === 'AWS::SageMaker::Model')
      return (Properties.PrimaryContainer as { readonly Environment: Readonly<Record<string, Value>> }).Environment;
  }
  throw new Error('no template has the container');
}

/** A function as its template describes it, laid out as Lambda does. */
export interface LaidOut {
  /** Without the stage: `backfill-ingest`. */
  readonly name: string;
  readonly handler: string;
  readonly architecture: string;
  /** `/var/task`: its own asset. */
  readonly task: string;
  /** `/opt`: its layers over one another. */
  readonly opt: string;
  readonly variables: Readonly<Record<string, Value>>;
}

/** Lays out every function whose asset was made. */
export function layOutFunctions(synthesised: Synthesised, folder: string): LaidOut[] {
  const { templates, bundled, assetFolder, config } = synthesised;
  return bundled.flatMap((stack) => {
    const { Resources = {} } = templates[stack]!;
    return Object.values(Resources)
      .filter(({ Type }) => Type === 'AWS::Lambda::Function')
      .map(({ Properties }) => {
        const {
          FunctionName,
          Handler,
          Code,
          Layers = [],
          Environment,
          Architectures,
        } = Properties as {
          readonly FunctionName: string;
          readonly Handler: string;
          readonly Code: { readonly S3Key: string };
          readonly Layers?: ReadonlyArray<{ readonly Ref: string }>;
          readonly Environment: { readonly Variables: Readonly<Record<string, Value>> };
          readonly Architectures: readonly [string];
        };
        const name = FunctionName.replace(`${names(config).prefix}-`, '');
        const task = join(folder, name);
        cpSync(assetFolder(Code.S3Key), task, { recursive: true });
        const layers = Layers.map(({ Ref }) => (Resources[Ref]!.Properties.Content as typeof Code).S3Key);
        const { Variables: variables } = Environment;
        return {
          ...{ name, task, variables },
          handler: Handler,
          architecture: Architectures[0],
          opt: merged(layers.map(assetFolder), folder),
        };
      });
  });
}

/** One folder with all that the layers hold; functions with the same layers share it. */
function merged(layers: readonly string[], folder: string): string {
  const hash = createHash('sha256').update(layers.join()).digest('hex').slice(0, 16);
  const opt = join(folder, `opt-${hash}`);
  if (existsSync(opt)) return opt;
  mkdirSync(opt, { recursive: true });
  for (const layer of layers) cpSync(layer, opt, { recursive: true });
  return opt;
}
