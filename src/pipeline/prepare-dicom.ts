import { type Reason, reasonOf } from '../contracts/reasons.ts';
import type { Study } from '../contracts/study.ts';
import { uprightMoves } from '../dicom/plane.ts';
import { eligibleSeries, type RankedSeries, rankSeries, refusalOfStudy } from '../dicom/ranking.ts';
import { groupSeries } from '../dicom/series.ts';
import { type OrderedSlice, orderSlices } from '../dicom/slice-order.ts';
import { holdBackUpperSeries } from '../dicom/upper-series.ts';
import { holdsText } from '../imaging/text-strokes.ts';
import { type AnalysedSeries, lossReasons } from './losses.ts';
import { contentBytes } from './prepare-content.ts';
import type { ReadObject } from './prepare-read.ts';
import { type DecodedSlice, decodeCandidates } from './prepare-slices.ts';
import { FileTally } from './prepare-tally.ts';
import type { PrepareContext, PreparedStudy, SliceFacts, Verdict } from './prepared.ts';
import type { StudyFiles } from './study-groups.ts';

const ADULT_YEARS = 18;

/** A series with its slices in order. */
interface Candidate {
  readonly ranked: RankedSeries;
  readonly slices: readonly OrderedSlice[];
}

/** What came of a study's best series that could be decoded. */
interface Chosen extends Candidate, AnalysedSeries {
  readonly decoded: readonly DecodedSlice[];
}

/** One DICOM study: ranks its series, takes the best one that can be decoded and hands on its middle slices. */
export async function prepareDicomStudy(
  context: PrepareContext,
  { identity, objects, lost, refusal }: StudyFiles,
  tally: FileTally,
): Promise<PreparedStudy> {
  const { tenant, pseudonyms } = context;
  const candidates = await rankAll(context, objects);
  const ages = objects.flatMap(({ object: { ageYears, modality } }) =>
    ageYears === null || modality !== 'MR' ? [] : [ageYears],
  );
  const outcome = refusal === null ? await choose(context, candidates, objects, ages, tally) : refused([refusal]);
  const { chosen } = outcome;
  const losses = lossReasons(lost, chosen);
  const flags = [...(ages.length === 0 ? [reasonOf('age_unknown')] : []), ...losses];
  const verdict = withLosses(chosen === null ? outcome.verdict : textVerdict(chosen), losses);
  const facts =
    chosen === null ? [] : await Promise.all(chosen.decoded.map((slice) => sliceFacts(context, chosen, slice)));
  const slices = chosen?.decoded.map(({ pixels }) => pixels) ?? [];
  const sequence = chosen === null ? 'unknown' : sequenceOf(chosen.ranked);
  const content = {
    sequence,
    slices: facts.map((slice, index) => ({ slice, pixels: slices[index]! })),
    flags,
    verdict: verdict === 'ok' ? [] : verdict.reasons.map(({ code }) => code),
    instances: chosen === null ? objects.map(({ object }) => object.sopInstanceUid ?? '') : [],
  };
  const study: Study = {
    schema: 'discflow.study/1',
    tenant,
    studyKey: await pseudonyms.of(tenant, identity),
    contentHash: await pseudonyms.of(tenant, contentBytes(content)),
    kind: 'dicom',
    seriesRanking: candidates.map(({ ranked }) => ranked.ranking),
    selectedSeries: chosen?.ranked.ranking.seriesIndex ?? null,
    sequence,
    slices: facts.map((slice, index) => ({ index, file: `slices/${index}.raw`, ...slice })),
    flags,
  };
  return { study, slices, verdict };
}

/** A refusal names what was lost too: what was looked for may be among it. */
const withLosses = (verdict: Verdict, losses: readonly Reason[]): Verdict =>
  verdict === 'ok' ? 'ok' : { ...verdict, reasons: [...verdict.reasons, ...losses] };

/** All series, ranked, in the order of their hashes, so that an index does not depend on the order of the upload. */
async function rankAll({ tenant, pseudonyms }: PrepareContext, objects: readonly ReadObject[]): Promise<Candidate[]> {
  const series = groupSeries(objects.map(({ object }) => object));
  const hashed = await Promise.all(
    series.map(async (entry) => ({ entry, hash: await pseudonyms.of(tenant, `series:${entry.key}`) })),
  );
  const sorted = hashed.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0));
  const slices = sorted.map(({ entry }) => orderSlices(entry));
  const ranked = sorted.map(({ entry }, seriesIndex) =>
    rankSeries(entry, seriesIndex, slices[seriesIndex]!.length || entry.frames.length),
  );
  return holdBackUpperSeries(ranked).map((each, seriesIndex) => ({ ranked: each, slices: slices[seriesIndex]! }));
}

type Choice =
  | { readonly chosen: Chosen; readonly verdict: 'ok' }
  | { readonly chosen: null; readonly verdict: Exclude<Verdict, 'ok'> };

async function choose(
  context: PrepareContext,
  candidates: readonly Candidate[],
  objects: readonly ReadObject[],
  ages: readonly number[],
  tally: FileTally,
): Promise<Choice> {
  const ranked = candidates.map((candidate) => candidate.ranked);
  const eligible = eligibleSeries(ranked);
  if (eligible.length === 0) return refused([refusalOfStudy(ranked)]);
  if (ages.some((years) => years < ADULT_YEARS)) return refused([reasonOf('paediatric')]);
  const faults = new FileTally();
  for (const best of eligible) {
    const candidate = candidates.find((entry) => entry.ranked === best)!;
    const decoded = await decodeCandidates(candidate.slices, objects, context.decoder, faults);
    if (decoded.length === 0) continue;
    const reasons = faults.reasons();
    for (const { code, count = 1 } of reasons) for (let n = 0; n < count; n += 1) tally.add(code);
    const undecoded = reasons.some(({ code }) => code !== 'low_quality');
    const { seriesInstanceUid } = decoded[0]!.ordered.frame.object;
    return { chosen: { ...candidate, decoded, undecoded, seriesInstanceUid }, verdict: 'ok' };
  }
  return refused(faults.endReasons());
}

const refused = (reasons: Reason[]): Choice => ({ chosen: null, verdict: { status: 'rejected', reasons } });

/** Text in the pixels, by the header's word or by the strokes themselves. */
function textVerdict({ decoded }: Chosen): Verdict {
  const burned = decoded.some(({ ordered, pixels }) => {
    const { object } = ordered.frame;
    return object.burnedInAnnotation === true || holdsText(pixels);
  });
  return burned ? { status: 'quarantined', reasons: [reasonOf('burned_in_text')] } : 'ok';
}

const sequenceOf = ({ ranking: { weighting } }: RankedSeries): Study['sequence'] =>
  weighting === 't2' || weighting === 't2_star' ? weighting : 'unknown';

async function sliceFacts(
  { tenant, pseudonyms }: PrepareContext,
  { slices }: Chosen,
  { ordered, pixels }: DecodedSlice,
): Promise<SliceFacts> {
  const { frame, offsetMm, sliceIndex } = ordered;
  const { object, geometry } = frame;
  const { orientation, spacingMm } = geometry;
  return {
    rows: pixels.height,
    columns: pixels.width,
    orientation: orientation === null ? { transpose: false, flipX: false, flipY: false } : uprightMoves(orientation),
    pixelSpacingMm: spacingMm === null ? null : [spacingMm[0], spacingMm[1]],
    offsetMm: offsetMm === null ? null : Math.round(offsetMm * 1000) / 1000 + 0,
    sliceIndex,
    sliceCount: slices.length,
    frame: object.multiFrame ? frame.frame : null,
    sopInstanceRef: object.sopInstanceUid === null ? null : await pseudonyms.of(tenant, object.sopInstanceUid),
    invert: object.invert,
  };
}
