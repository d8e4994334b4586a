import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { type AnalyzeBackend, type Config, parseConfig, readConfig } from '../../infra/config.ts';
import { deploy } from '../../infra/deployment.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Metadata?: Record<string, unknown>;
}

export interface PlacedResource extends Resource {
  readonly stack: string;
  readonly id: string;
}

interface Template {
  readonly Resources?: Record<string, Resource>;
  readonly Outputs?: Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: string } }>;
}

export interface Built {
  readonly config: Config;
  readonly templates: Readonly<Record<string, Template>>;
  readonly resources: readonly PlacedResource[];
  of(type: string): PlacedResource[];
}

const repositoryContext = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')) as {
  context: Record<string, unknown>;
};

/**
 * An app that bundles nothing: its templates name the assets they would have. CloudFormation's own rules, half the time of
 * a synthesis, are left to `cdk synth`, where they warn and fail nothing.
 */
export function appOf(context: Record<string, unknown> = {}): { app: App; config: Config } {
  const outdir = mkdtempSync(join(tmpdir(), 'discflow-infra-'));
  const app = new App({
    outdir,
    context: { ...repositoryContext.context, 'aws:cdk:bundling-stacks': [], ...context },
    builtinCloudFormationValidation: false,
  });
  return { app, config: readConfig((key) => app.node.tryGetContext(key)) };
}

const known = new Map<string, Built>();

/**
 * The templates of one configuration; `change` edits the configuration before it is deployed. Made once for all the tests
 * of a worker, which only read them.
 */
export function build(stage: string, analyze: AnalyzeBackend, change: Record<string, unknown> = {}): Built {
  const key = json([stage, analyze, change]);
  const built = known.get(key) ?? synthesised(stage, analyze, change);
  known.set(key, built);
  return built;
}

function synthesised(stage: string, analyze: AnalyzeBackend, change: Record<string, unknown>): Built {
  const { app, config: read } = appOf({ stage, analyze });
  const config = parseConfig({ ...read, ...change });
  deploy(app, config);
  const assembly = app.synth();
  const templates = Object.fromEntries(assembly.stacks.map(({ id, template }) => [id, template as Template]));
  const resources = Object.entries(templates).flatMap(([stack, { Resources = {} }]) =>
    Object.entries(Resources).map(([id, resource]) => ({
      ...resource,
      Properties: resource.Properties ?? {},
      id,
      stack,
    })),
  );
  rmSync(assembly.directory, { recursive: true });
  return { config, templates, resources, of: (type) => resources.filter((resource) => resource.Type === type) };
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource?: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
  readonly Principal?: unknown;
}

export const listed = <T>(value: T | T[] | undefined): T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** Every statement of every policy that a role carries, with the policy it stands in. */
export function roleStatements(built: Built): Array<{ policy: PlacedResource; statement: Statement }> {
  return [...built.of('AWS::IAM::ManagedPolicy'), ...built.of('AWS::IAM::Policy')].flatMap((policy) =>
    listed((policy.Properties.PolicyDocument as { Statement: Statement[] }).Statement).map((statement) => ({
      policy,
      statement,
    })),
  );
}

export const json = (value: unknown): string => JSON.stringify(value);

/** A property of a resource by its path. */
export const get = (resource: PlacedResource | undefined, ...path: Array<string | number>): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
    resource?.Properties,
  );
