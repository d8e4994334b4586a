import type { Detection, NamedDisc, ScoredBox } from '../contracts/detection.ts';
import type { CropRule, DiscDetector, LumbarDetector, Member, PackManifest } from '../contracts/pack.ts';
import { LEVELS, REASONS, type Reason, reasonOf } from '../contracts/reasons.ts';
import type { Slice, Study } from '../contracts/study.ts';
import { LUMBAR_DISCS } from '../detection/column.ts';
import { planDiscs, planRegion, readDetections } from '../detection/detector.ts';
import { nameDiscs, shareInside } from '../detection/name-discs.ts';
import { cropPixels, cropRect } from '../imaging/crop.ts';
import type { Grey8, Grey16 } from '../imaging/image.ts';
import { seenRows } from '../imaging/seen-rows.ts';
import { type UprightSlice, uprightSlice } from '../imaging/upright.ts';
import { type PackedCrop, packCrops } from './crops.ts';
import type { LoadedPack } from './ports.ts';

/** Slices whose confidences differ by less than this are alike: the one nearer to the middle is taken. */
const SCORE_STEP = 0.05;
/** A region with fewer discs than this shows no lumbar spine. */
const MIN_DISCS = 3;
/**
 * Regions that share less than this part of the smaller one show two spines: in none of 640 single pictures (from 0.3),
 * in all of 12 sheets of two or four pictures.
 */
const APART = 0.1;
const SHEET = 'it shows more than one spine; one of them was analysed';
/** Key of the region's crops in `cropFiles`; disc crops stand under their rule. */
export const REGION_CROPS = 'region';

export interface DetectedSlice {
  readonly detection: Detection;
  readonly upright: Grey8;
  /** Packed crop files by file name. */
  readonly crops: ReadonlyMap<string, Buffer>;
  /** Milliseconds inside each network, summed over slices. */
  readonly networksMs: Readonly<Record<string, number>>;
  /** Why the study ends here; empty where analyze goes on. These reasons stand in `detection.reasons` too. */
  readonly refused: readonly Reason[];
}

interface Candidate {
  readonly slice: Slice;
  readonly upright: UprightSlice;
  readonly region: ScoredBox | null;
  /** Whether another lumbar region lies apart from that one. */
  readonly another: boolean;
  readonly discs: readonly ScoredBox[];
  readonly discConfidence: number;
}

/** The name of a crop rule in keys: `square-1.5`. */
export function cropRuleName(rule: CropRule): string {
  return `${rule.kind}-${rule.factor}`;
}

/**
 * Both detectors on every candidate slice; the slice with the most region and disc confidence goes on, its discs are
 * named and its crops packed. `slices[i]` holds the stored pixels of `study.slices[i]`. Throws `RangeError` without
 * slices, `ModelUnavailable` where a network cannot be had.
 */
export async function detectSlices(
  input: { readonly study: Study; readonly slices: readonly Grey16[] },
  pack: LoadedPack,
): Promise<DetectedSlice> {
  const networksMs: Record<string, number> = {};
  const candidates = await Promise.all(
    input.study.slices.map((slice, index) => detectCandidate(slice, input.slices[index]!, pack, networksMs)),
  );
  const chosen = chooseSlice(candidates);
  const { image } = chosen.upright;
  const named = chosen.region === null ? [] : nameDiscs(chosen.discs, chosen.region.box, seenRows(image));
  const reasons = reasonsOf(chosen, named, input.study.kind);
  const refused = reasons.filter(({ code }) => REASONS[code].status === 'rejected');
  const crops =
    chosen.region === null || refused.length > 0
      ? { files: new Map<string, Buffer>(), names: {} }
      : cutCrops(image, chosen.region, named, pack.manifest);
  const { spacingMm, window, sourceTransform } = chosen.upright;
  return {
    detection: {
      schema: 'discflow.detection/1',
      selected: selectedSlice(input.study, chosen.slice),
      rows: image.height,
      columns: image.width,
      pixelSpacingMm: spacingMm === null ? null : [spacingMm, spacingMm],
      window,
      sourceTransform: [...sourceTransform],
      candidates: candidates.map((candidate) => ({
        sliceIndex: candidate.slice.sliceIndex,
        regionConfidence: candidate.region?.confidence ?? 0,
        discConfidence: candidate.discConfidence,
        discs: candidate.discs.length,
      })),
      lumbarRegion: chosen.region,
      discs: named,
      reasons,
      cropFiles: crops.names,
    },
    upright: image,
    crops: crops.files,
    networksMs,
    refused,
  };
}

async function detectCandidate(
  slice: Slice,
  stored: Grey16,
  pack: LoadedPack,
  networksMs: Record<string, number>,
): Promise<Candidate> {
  const upright = uprightSlice(stored, slice);
  const { members, detection } = pack.manifest;
  const look = async (detector: LumbarDetector | DiscDetector, plan: ReturnType<typeof planDiscs>) => {
    if (plan === null) return [];
    const { output, ms } = await pack.run(detector.id, plan.input);
    networksMs[detector.id] = (networksMs[detector.id] ?? 0) + ms;
    return readDetections(plan, output, detector, detection);
  };
  const lumbar = memberOf(members, 'lumbar-detector');
  const [region = null, ...others] = await look(lumbar, planRegion(upright.image, lumbar));
  const another = region !== null && others.some(({ box }) => shareInside(box, region.box) < APART);
  const disc = memberOf(members, 'disc-detector');
  const discs = region === null ? [] : await look(disc, planDiscs(upright.image, region.box, disc));
  const best = discs.slice(0, LUMBAR_DISCS).reduce((sum, { confidence }) => sum + confidence, 0);
  return { slice, upright, region, another, discs, discConfidence: best / LUMBAR_DISCS };
}

/** A verified pack has one member of each detector's role. */
function memberOf<Role extends Member['role']>(
  members: readonly Member[],
  role: Role,
): Extract<Member, { role: Role }> {
  const found = members.find((member) => member.role === role);
  if (found === undefined) throw new RangeError(`the pack has no ${role}`);
  return found as Extract<Member, { role: Role }>;
}

/** Most region and disc confidence; candidates come nearest to the middle first, and the first of like ones is taken. */
function chooseSlice(candidates: readonly Candidate[]): Candidate {
  const score = ({ region, discConfidence }: Candidate) => (region?.confidence ?? 0) + discConfidence;
  const best = Math.max(...candidates.map(score));
  const chosen = candidates.find((candidate) => score(candidate) >= best - SCORE_STEP);
  if (chosen === undefined) throw new RangeError('a study that reaches detect has slices');
  return chosen;
}

function reasonsOf(chosen: Candidate, named: readonly NamedDisc[], kind: Study['kind']): Reason[] {
  if (chosen.region === null) return [reasonOf('lumbar_region_not_found')];
  const lumbar = named.filter(({ level }) => LEVELS.indexOf(level) < LUMBAR_DISCS);
  if (named.length < MIN_DISCS) return [reasonOf('not_lumbar')];
  return [
    ...(lumbar.length < LUMBAR_DISCS ? [reasonOf('too_few_discs')] : []),
    ...lumbar.filter(({ levelCertain }) => !levelCertain).map(({ level }) => reasonOf('level_uncertain', { level })),
    ...(kind === 'image' && chosen.another ? [reasonOf('out_of_distribution', { detail: SHEET })] : []),
  ];
}

function cutCrops(
  image: Grey8,
  region: ScoredBox,
  discs: readonly NamedDisc[],
  { members }: PackManifest,
): { files: Map<string, Buffer>; names: Record<string, string> } {
  const rules = (role: 'disc-classifier' | 'spine-segmenter') =>
    new Map(
      members.flatMap((member) => (member.role === role ? [[cropRuleName(member.crop), member.crop] as const] : [])),
    );
  const cut = (id: string, box: ScoredBox['box'], rule: CropRule): PackedCrop[] => {
    const rect = cropRect(box, rule, image);
    return rect === null ? [] : [{ id, x: rect.x0, y: rect.y0, image: cropPixels(image, rect) }];
  };
  const files = new Map<string, Buffer>();
  const names: Record<string, string> = {};
  const add = (key: string, crops: PackedCrop[]) => {
    const name = `crops/${key}.crops`;
    names[key] = name;
    files.set(name, packCrops(crops));
  };
  add(
    REGION_CROPS,
    [...rules('spine-segmenter')].flatMap(([name, rule]) => cut(name, region.box, rule)),
  );
  for (const [name, rule] of rules('disc-classifier')) {
    add(
      name,
      discs.flatMap(({ level, box }) => cut(level, box, rule)),
    );
  }
  return { files, names };
}

function selectedSlice(study: Study, slice: Slice): Detection['selected'] {
  const { sliceIndex, sliceCount, frame, sopInstanceRef, offsetMm } = slice;
  return {
    seriesIndex: study.selectedSeries,
    sliceIndex,
    sliceCount,
    frame,
    sopInstanceRef,
    sequence: study.sequence,
    offsetMm,
  };
}
