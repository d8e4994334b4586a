import { TARGETS } from '../../contracts/pack.ts';
import { LEVELS } from '../../contracts/reasons.ts';
import { SCORED_DISCS } from '../../evaluation/detection.ts';
import type { EvidencePart, SourceEvidence } from './score.ts';

/** A part of a source whose figures are given apart. */
export interface Subset {
  readonly by: 'level' | 'scanner' | 'slice';
  readonly name: string;
  readonly part: EvidencePart;
}

/** Discs of each level, pictures of each scanner where there are several, and slices that show the canal. */
export function subsetsOf(evidence: SourceEvidence): Subset[] {
  return [...byLevel(evidence), ...byScanner(evidence), ...byCanal(evidence)];
}

const NOTHING: EvidencePart = {
  regions: [],
  discs: [],
  levels: [],
  predictions: { herniation: [], bulgeOrHerniation: [] },
  segmented: [],
};

function byLevel({ levels, predictions }: SourceEvidence): Subset[] {
  return LEVELS.slice(0, SCORED_DISCS).flatMap((name): Subset[] => {
    const part = {
      ...NOTHING,
      levels: levels.filter(({ level }) => level === name),
      predictions: {
        herniation: predictions.herniation.filter(({ level }) => level === name),
        bulgeOrHerniation: predictions.bulgeOrHerniation.filter(({ level }) => level === name),
      },
    };
    const empty = part.levels.length === 0 && TARGETS.every((target) => part.predictions[target].length === 0);
    return empty ? [] : [{ by: 'level', name, part }];
  });
}

function byScanner({ results, ends, ...evidence }: SourceEvidence): Subset[] {
  const scanners = new Map(results.map(({ picture }, index) => [ends[index]!.patient, picture.scanner]));
  const names = [...new Set(scanners.values())].filter((name) => name !== null).sort();
  if (names.length < 2) return [];
  return names.map((name) => {
    const mine = ({ patient }: { readonly patient: number }) => scanners.get(patient) === name;
    const { regions, discs, levels, predictions, segmented } = evidence;
    return {
      by: 'scanner',
      name,
      part: {
        regions: regions.filter(mine),
        discs: discs.filter(mine),
        levels: levels.filter(mine),
        predictions: {
          herniation: predictions.herniation.filter(mine),
          bulgeOrHerniation: predictions.bulgeOrHerniation.filter(mine),
        },
        segmented: segmented.filter(mine),
      },
    };
  });
}

function byCanal({ segmented }: SourceEvidence): Subset[] {
  const shown = segmented.filter(({ showsCanal }) => showsCanal);
  return shown.length === 0 ? [] : [{ by: 'slice', name: 'shows the canal', part: { ...NOTHING, segmented: shown } }];
}
