import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { TARGETS, type Target } from '../../contracts/pack.ts';
import { reliabilityBins } from '../../evaluation/calibration.ts';
import { precisionRecallCurve, rocCurve } from '../../evaluation/ranking.ts';
import { TARGET_NAMES } from '../../reporting/wording.ts';
import { estimateText } from './figure-lines.ts';
import type { SourceFigures } from './figures.ts';
import type { DiscPrediction, SourceEvidence } from './score.ts';

/** A plot by file name without extension. */
export interface Plot {
  readonly name: string;
  readonly svg: string;
}

/** Each plot's file name before its source's. */
export const PLOTS = ['roc', 'pr', 'reliability', 'auc-by-part', 'gates', 'levels'] as const;

/** The file name of a source's plot without extension. */
export const plotName = (plot: (typeof PLOTS)[number], source: string): string => `${plot}-${source}`;

/** Okabe and Ito's colours by target. */
export const COLOURS: Readonly<Record<Target, string>> = { herniation: '#d55e00', bulgeOrHerniation: '#0072b2' };
const SIZE = 360;

/** What all charts share. */
export const SHEET = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: SIZE,
  padding: 12,
  background: 'white',
  config: {
    font: 'Inter, Helvetica, Arial, sans-serif',
    axis: { labelFontSize: 12, titleFontSize: 13 },
    legend: { labelFontSize: 12 },
  },
} as const;

interface Series {
  readonly label: string;
  readonly colour: string;
  readonly points: ReadonlyArray<{ readonly x: number; readonly y: number; readonly n?: number }>;
}

/** ROC, precision and recall, and reliability of one source, both targets in each; nothing where it has no labels. */
export async function drawPlots(evidence: SourceEvidence, figures: SourceFigures): Promise<Plot[]> {
  const series = (label: (target: Target) => string, points: (labels: readonly DiscPrediction[]) => Series['points']) =>
    TARGETS.flatMap((target): Series[] => {
      const labels = evidence.predictions[target];
      const positives = labels.filter((entry) => entry.label === 1).length;
      if (positives === 0 || positives === labels.length) return [];
      return [{ label: label(target), colour: COLOURS[target], points: points(labels) }];
    });
  const named = (target: Target, estimate: 'rocAuc' | 'averagePrecision' | 'calibrationSlope', what: string) => {
    const found = figures.classification[target];
    return found === null ? TARGET_NAMES[target] : `${TARGET_NAMES[target]}: ${what} ${estimateText(found[estimate])}`;
  };
  const roc = series((target) => named(target, 'rocAuc', 'AUC'), rocCurve);
  if (roc.length === 0) return [];
  const pr = series((target) => named(target, 'averagePrecision', 'AP'), precisionRecallCurve);
  const reliability = series(
    (target) => named(target, 'calibrationSlope', 'slope'),
    (labels) =>
      reliabilityBins(labels).map(({ meanProbability, observedRate, count }) => ({
        x: meanProbability,
        y: observedRate,
        n: count,
      })),
  );
  const { source } = evidence;
  return Promise.all([
    draw(
      plotName('roc', source),
      chart(`${source}: ROC`, ['False positive rate', 'Recall'], roc, { diagonal: true, marks: false }),
    ),
    draw(
      plotName('pr', source),
      chart(`${source}: precision and recall`, ['Recall', 'Precision'], pr, { diagonal: false, marks: false }),
    ),
    draw(
      plotName('reliability', source),
      chart(`${source}: reliability, ten bins of equal mass`, ['Mean probability', 'Observed rate'], reliability, {
        diagonal: true,
        marks: true,
      }),
    ),
  ]);
}

export async function draw(name: string, specification: TopLevelSpec): Promise<Plot> {
  const view = new View(parse(compile(specification).spec), { renderer: 'none' });
  try {
    return { name, svg: await view.toSVG() };
  } finally {
    view.finalize();
  }
}

function chart(
  title: string,
  titles: readonly [x: string, y: string],
  series: readonly Series[],
  { diagonal, marks }: { diagonal: boolean; marks: boolean },
): TopLevelSpec {
  const values = series.flatMap(({ label, points }) => points.map(({ x, y }, order) => ({ x, y, order, label })));
  const ideal = { values: [0, 1].map((both) => ({ x: both, y: both })) };
  return {
    ...SHEET,
    height: SIZE,
    title: { text: title, anchor: 'start', fontSize: 15 },
    encoding: { x: axis('x', titles[0]), y: axis('y', titles[1]) },
    layer: [
      ...(diagonal ? [{ data: ideal, mark: { type: 'line' as const, color: '#999', strokeDash: [4, 4] } }] : []),
      {
        data: { values },
        mark: { type: 'line', strokeWidth: 2, ...(marks ? { point: { size: 50, filled: true } } : {}) },
        encoding: {
          order: { field: 'order', type: 'quantitative' },
          color: {
            field: 'label',
            type: 'nominal',
            scale: { domain: series.map(({ label }) => label), range: series.map(({ colour }) => colour) },
            legend: { title: null, orient: 'bottom', direction: 'vertical', offset: 12, labelLimit: 0 },
          },
        },
      },
    ],
  };
}

/** A share from 0 to 1. */
function axis(field: 'x' | 'y', title: string) {
  const type = 'quantitative' as const;
  return { field, type, title, scale: { domain: [0, 1] }, axis: { tickCount: 5, format: '.1f' } };
}
