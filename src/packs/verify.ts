import { createHash } from 'node:crypto';
import { type Member, type PackManifest, packManifestSchema, TARGETS, type Target } from '../contracts/pack.ts';
import { ModelUnavailable } from '../contracts/reasons.ts';
import { singleFileFault, takesBatches } from './onnx-file.ts';

/** How far weights may be from 1: grids of 0.1 and rounding to 4 decimals stay within it. */
const WEIGHT_TOLERANCE = 1e-3;

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Parses and checks `manifest.json`. Throws `ModelUnavailable` that names the field or the member. */
export function verifyManifest(bytes: Uint8Array): PackManifest {
  const parsed = packManifestSchema.safeParse(parseJson(bytes));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ModelUnavailable(`manifest.json: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`, {
      cause: parsed.error,
    });
  }
  const faults = manifestFaults(parsed.data);
  if (faults.length > 0) throw new ModelUnavailable(`manifest.json: ${faults.join('; ')}`);
  return parsed.data;
}

/**
 * Checks one member's file: size, hash, one file without external data, of a classifier a batch of any size (it sees all
 * discs of a slice at once). Throws `ModelUnavailable`.
 */
export function verifyMemberFile(member: Member, bytes: Uint8Array): void {
  if (bytes.length !== member.bytes)
    throw new ModelUnavailable(`${member.id}: the file has another size than the manifest says`);
  if (sha256Hex(bytes) !== member.sha256)
    throw new ModelUnavailable(`${member.id}: the file has another hash than the manifest says`);
  const fault = singleFileFault(bytes);
  if (fault !== null) throw new ModelUnavailable(`${member.id}: ${fault}`);
  if (member.role === 'disc-classifier' && !takesBatches(bytes))
    throw new ModelUnavailable(`${member.id}: its batch has a fixed size; export it with a dynamic first axis`);
}

/** What a pack folder offers: `read` throws where there is no such file. Names hold no path. */
export interface PackFiles {
  read(name: string): Promise<Uint8Array>;
}

/** Manifest and every file checked; `sha256` is that of manifest.json. Throws `ModelUnavailable`. */
export async function verifyPack(files: PackFiles): Promise<{ manifest: PackManifest; sha256: string }> {
  const bytes = await readOr(files, 'manifest.json');
  const manifest = verifyManifest(bytes);
  for (const member of manifest.members) verifyMemberFile(member, await readOr(files, member.file));
  return { manifest, sha256: sha256Hex(bytes) };
}

/** A file of the pack. Throws `ModelUnavailable` where it cannot be read. */
export async function readOr(files: PackFiles, name: string): Promise<Uint8Array> {
  try {
    return await files.read(name);
  } catch (cause) {
    throw new ModelUnavailable(`${name} cannot be read`, { cause });
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new ModelUnavailable('manifest.json is no JSON', { cause });
  }
}

/** What the schema alone cannot say, as short sentences; empty for a sound manifest. */
function manifestFaults(manifest: PackManifest): string[] {
  const { members, targets, segmentation, tiers } = manifest;
  const byId = new Map(members.map((member) => [member.id, member]));
  return [
    ...repeated(members.map(({ id }) => id)).map((id) => `${id} stands twice`),
    ...repeated(members.map(({ file }) => file)).map((file) => `${file} belongs to two members`),
    ...(['lumbar-detector', 'disc-detector'] as const)
      .filter((role) => members.filter((member) => member.role === role).length !== 1)
      .map((role) => `there must be one ${role}`),
    ...members.flatMap(memberFaults),
    ...TARGETS.flatMap((target) => weightFaults(target, targets[target], (id) => answers(byId.get(id), target))),
    ...weightFaults('segmentation', segmentation, (id) => byId.get(id)?.role === 'spine-segmenter'),
    ...TARGETS.filter((target) => !answers(byId.get(tiers.single.classifier), target)).map(
      (target) => `tiers.single.classifier does not answer ${target}`,
    ),
    ...(byId.get(tiers.single.segmenter)?.role === 'spine-segmenter'
      ? []
      : ['tiers.single.segmenter is no spine-segmenter']),
    ...(segmenterRules(members).size > 1 ? ['the spine-segmenters do not share one crop rule'] : []),
    ...gateFaults(manifest.gates),
  ];
}

function segmenterRules(members: readonly Member[]): Set<string> {
  return new Set(members.flatMap((member) => (member.role === 'spine-segmenter' ? [JSON.stringify(member.crop)] : [])));
}

function memberFaults(member: Member): string[] {
  const { output, id } = member;
  if (output.kind === 'yolov8' && output.targetClass >= output.classes)
    return [`${id} has no class ${output.targetClass}`];
  if (output.kind !== 'logits') return [];
  if (output.activation === 'softmax' && output.targets.length !== 1) return [`${id} answers one target by softmax`];
  return repeated(output.targets).map((target) => `${id} answers ${target} twice`);
}

function answers(member: Member | undefined, target: Target): boolean {
  return member?.role === 'disc-classifier' && member.output.targets.includes(target);
}

function weightFaults(
  name: string,
  ensemble: { readonly method: 'wae' | 'aem' | 'single'; readonly weights: Readonly<Record<string, number>> },
  fits: (id: string) => boolean,
): string[] {
  const ids = Object.keys(ensemble.weights);
  const faults = ids.filter((id) => !fits(id)).map((id) => `${name}: ${id} is no member for it`);
  const weighted = Object.values(ensemble.weights).filter((weight) => weight > 0);
  const sum = weighted.reduce((total, weight) => total + weight, 0);
  if (ids.length === 0) faults.push(`${name} has no members`);
  if (ensemble.method !== 'aem' && Math.abs(sum - 1) > WEIGHT_TOLERANCE)
    faults.push(`${name}: weights do not sum to 1`);
  if (ensemble.method === 'single' && weighted.length !== 1) faults.push(`${name}: single takes one member`);
  return faults;
}

function gateFaults({ lowQuality, outOfDistribution }: PackManifest['gates']): string[] {
  const faults: string[] = [];
  if (lowQuality !== undefined && lowQuality.sharpness.low > lowQuality.sharpness.high)
    faults.push('gates.lowQuality.sharpness: low lies above high, and no picture between them');
  if (outOfDistribution !== undefined) {
    const { features, mean, std } = outOfDistribution;
    if (features.length !== mean.length || features.length !== std.length)
      faults.push('gates.outOfDistribution: features, mean and std differ in length');
  }
  return faults;
}

function repeated(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
