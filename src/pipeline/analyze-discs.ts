import type { Box, Detection, NamedDisc } from '../contracts/detection.ts';
import type { Tier } from '../contracts/keys.ts';
import type { PackManifest } from '../contracts/pack.ts';
import { LEVELS, type Level, REASONS, type Reason, reasonOf } from '../contracts/reasons.ts';
import { type DiscFinding, REPORT_LIMITS, type Report, SEGMENTATION_CLASSES } from '../contracts/report.ts';
import type { Study } from '../contracts/study.ts';
import { LUMBAR_DISCS } from '../detection/column.ts';
import { cropPixels } from '../imaging/crop.ts';
import type { Grey8 } from '../imaging/image.ts';
import { countClasses } from '../imaging/mask.ts';
import { measureDiscs } from '../measurement/measure.ts';
import type { OverlayGround } from '../reporting/overlay.ts';
import { canalFlags } from './canal-gate.ts';
import { classifyDiscs, type DiscAnswers } from './classify-discs.ts';
import { type PackedCrop, unpackCrops } from './crops.ts';
import { REGION_CROPS } from './detect-slices.ts';
import { drawnLineReasons } from './drawn-lines.ts';
import { cropFeatures, pictureGates } from './gates.ts';
import { checkNames, nameThroughVoids } from './names-gate.ts';
import type { LoadedPack } from './ports.ts';
import { type SpineSegmentation, segmentSpine } from './segment-spine.ts';
import { discsInVoids, voidReasons } from './signal-voids.ts';

export interface AnalyzeInput {
  readonly study: Study;
  readonly detection: Detection;
  readonly upright: Grey8;
  /** Packed crop files by file name. */
  readonly crops: ReadonlyMap<string, Uint8Array>;
  readonly tenant: string;
  readonly runKey: string;
}

export interface AnalyzedStudy {
  readonly report: Report;
  /** Class mask of the upright slice's size; null where the study was rejected or nothing was segmented. */
  readonly mask: Grey8 | null;
  /** What `paint` made of the mask; null with it, and where it was not painted. */
  readonly ground: OverlayGround | null;
  /** Milliseconds inside each network. */
  readonly networksMs: Readonly<Record<string, number>>;
}

/**
 * Classifies and segments what detect found, measures, judges by the pack's gates and writes the report: a pure function
 * of content, pack, tier and pipeline version. `paint` is called with the mask while the classifiers run, where no gate
 * rejects the picture. Throws `ModelUnavailable` where a network cannot be had.
 */
export async function analyzeDiscs(
  input: AnalyzeInput,
  pack: LoadedPack,
  tier: Tier,
  paint: (mask: Grey8) => OverlayGround | null = () => null,
): Promise<AnalyzedStudy> {
  const { study, detection, upright } = input;
  const networksMs: Record<string, number> = {};
  const before = [...study.flags, ...detection.reasons];
  if (rejects(before)) {
    return { report: report(input, pack, tier, before, [], null), mask: null, ground: null, networksMs };
  }
  const crops = new Map(
    Object.entries(detection.cropFiles).map(([key, name]) => [key, unpackCrops(storedFile(input.crops, name))]),
  );
  const levels = detection.discs.map(({ level }) => level);
  const voids = discsInVoids(upright, detection.discs);
  const region = crops.get(REGION_CROPS) ?? new Map<string, PackedCrop>();
  const boxes = detection.discs.map(({ box }) => box);
  const segment = async () => {
    const segmentation = await segmentSpine(upright, region, boxes, pack, tier, networksMs);
    const none = { discs: detection.discs, measurements: [], ground: null };
    if (segmentation === null) return { ...none, segmentation, gates: [] };
    const gates = gatesOf(input, region, segmentation, pack.manifest);
    if (rejects(gates)) return { ...none, segmentation, gates };
    const { discs, reasons } = checkNames(detection.discs, segmentation.mask, study.kind);
    const measurements = measurementsOf(input, segmentation, boxes);
    const found = [...gates, ...reasons, ...canalFlags(discs, segmentation.mask)];
    return { segmentation, gates: found, discs, measurements, ground: paint(segmentation.mask) };
  };
  // Segmenters come first: their masks are added, cleaned, measured and painted while the classifiers run.
  const [{ segmentation, gates, discs, measurements, ground }, answers] = await Promise.all([
    segment(),
    classifyDiscs(levels, voids, crops, pack, tier, networksMs),
  ]);
  const reasons = [...before, ...gates, ...disagreements(detection.discs, answers, pack.manifest)];
  if (rejects(gates)) {
    return { report: report(input, pack, tier, reasons, [], null), mask: null, ground: null, networksMs };
  }
  const named = nameThroughVoids(discs, voids);
  const findings = findingsOf(named.discs, voids, answers, measurements);
  return {
    report: report(input, pack, tier, [...reasons, ...voidReasons(voids), ...named.reasons], findings, segmentation),
    mask: segmentation?.mask ?? null,
    ground,
    networksMs,
  };
}

const rejects = (reasons: readonly Reason[]) => reasons.some(({ code }) => REASONS[code].status === 'rejected');

function storedFile(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const file = files.get(name);
  if (file === undefined) throw new Error('a crop file that detection names is missing');
  return file;
}

function gatesOf(
  { upright, study }: AnalyzeInput,
  region: ReadonlyMap<string, PackedCrop>,
  { mask, part }: SpineSegmentation,
  manifest: PackManifest,
): Reason[] {
  const crop = [...region.values()][0];
  if (crop === undefined) return [];
  const seen = cropPixels(mask, part);
  const reasons = pictureGates(cropFeatures(crop.image, seen), upright, manifest.gates, study.sequence);
  return [...reasons, ...drawnLineReasons(crop.image)];
}

/** One reason a lumbar disc on which the members disagree on either target. */
function disagreements(
  discs: readonly NamedDisc[],
  answers: ReadonlyMap<string, DiscAnswers>,
  { gates: { membersDisagree } }: PackManifest,
): Reason[] {
  if (membersDisagree === undefined) return [];
  return discs
    .filter(({ level }) => LEVELS.indexOf(level) < LUMBAR_DISCS)
    .filter(({ level }) => {
      const { herniation, bulgeOrHerniation } = answers.get(level)!;
      return Math.max(herniation.disagreement ?? 0, bulgeOrHerniation.disagreement ?? 0) > membersDisagree;
    })
    .map(({ level }) => reasonOf('members_disagree', { level }));
}

/** Empty where the spacing is not known. */
function measurementsOf({ detection, upright }: AnalyzeInput, segmentation: SpineSegmentation, boxes: readonly Box[]) {
  const spacing = detection.pixelSpacingMm?.[0];
  return spacing === undefined ? [] : measureDiscs(segmentation, upright, boxes, spacing);
}

/** What was measured on a disc that a void hides is the void: it has no measurements. */
function findingsOf(
  discs: readonly NamedDisc[],
  voids: ReadonlySet<Level>,
  answers: ReadonlyMap<string, DiscAnswers>,
  measurements: ReturnType<typeof measurementsOf>,
): DiscFinding[] {
  return discs.map(({ level, levelCertain, box, confidence }, index) => ({
    level,
    levelCertain,
    box,
    confidence,
    ...answers.get(level)!,
    measurements: voids.has(level) ? null : (measurements[index] ?? null),
  }));
}

function report(
  { study, detection, tenant, runKey }: AnalyzeInput,
  pack: LoadedPack,
  tier: Tier,
  reasons: readonly Reason[],
  discs: DiscFinding[],
  segmentation: SpineSegmentation | null,
): Report {
  const { selected, rows, columns, pixelSpacingMm, window, sourceTransform } = detection;
  const { name, version } = pack.manifest;
  return {
    schema: 'discflow.report/1',
    status: statusOf(reasons),
    reasons: [...reasons],
    limits: [...REPORT_LIMITS],
    notForDiagnosticUse: true,
    study: { key: study.studyKey, tenant, contentHash: study.contentHash, runKey },
    input: {
      kind: study.kind,
      seriesRanking: study.seriesRanking,
      selected,
      rows,
      columns,
      pixelSpacingMm,
      window,
      sourceTransform,
    },
    lumbarRegion: detection.lumbarRegion,
    discs,
    segmentation: segmentation === null ? null : segmentationOf(segmentation, pixelSpacingMm),
    models: { pack: name, version, sha256: pack.sha256, tier },
  };
}

function segmentationOf(
  { mask, members }: SpineSegmentation,
  spacingMm: readonly [number, number] | null,
): Report['segmentation'] {
  const [background, vertebra, disc, canal] = countClasses(mask);
  const area = (pixels: number) => Math.round(pixels * (spacingMm?.[0] ?? 0) * (spacingMm?.[1] ?? 0) * 100) / 100;
  return {
    classes: [...SEGMENTATION_CLASSES],
    members: [...members],
    areasMm2:
      spacingMm === null
        ? null
        : { background: area(background), vertebra: area(vertebra), disc: area(disc), canal: area(canal) },
  };
}

/** The gravest status that the reasons lead to. */
function statusOf(reasons: readonly Reason[]): Report['status'] {
  const statuses = new Set(reasons.map(({ code }) => REASONS[code].status));
  const gravest = (['failed', 'rejected', 'quarantined', 'needs_review'] as const).find((status) =>
    statuses.has(status),
  );
  return gravest ?? 'done';
}
