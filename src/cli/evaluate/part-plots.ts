import type { TopLevelSpec } from 'vega-lite';
import { TARGETS } from '../../contracts/pack.ts';
import type { Estimate } from '../../evaluation/bootstrap.ts';
import { TARGET_NAMES } from '../../reporting/wording.ts';
import type { SourceFigures } from './figures.ts';
import { COLOURS, draw, type Plot, plotName, SHEET } from './plots.ts';

interface Interval {
  readonly name: string;
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** AUC by level and scanner, levels by level, gates by reason: values with their intervals; nothing without such figures. */
export async function drawPartPlots(figures: SourceFigures): Promise<Plot[]> {
  const { source, subsets, ends, levels, cutOff } = figures;
  const aucs = subsets.flatMap(({ name, classification }) =>
    TARGETS.flatMap((target) => {
      const found = classification[target];
      return found === null ? [] : intervalOf(`${name} (n ${found.discs})`, TARGET_NAMES[target], found.rocAuc);
    }),
  );
  const stopped =
    ends === null
      ? []
      : [
          ...intervalOf('refused or deferred', 'pictures', ends.refusedOrDeferred),
          ...Object.entries(ends.byReason).flatMap(([code, share]) => intervalOf(code, 'pictures', share)),
        ];
  const names = [
    ...(levels === null
      ? []
      : [
          ...intervalOf('right and certain', 'whole', levels.rightAndCertain),
          ...intervalOf('wrong among certain', 'whole', levels.certainWrong),
        ]),
    ...(cutOff === null ? [] : intervalOf('certain', 'cut off above L5-S1', cutOff.certain)),
  ];
  const plots: Array<[string, string, string, readonly Interval[]]> = [
    [plotName('auc-by-part', source), `${source}: AUC by level and scanner`, 'ROC AUC', aucs],
    [plotName('gates', source), `${source}: pictures refused or deferred`, 'Share of pictures', stopped],
    [plotName('levels', source), `${source}: names of levels`, 'Share of discs', names],
  ];
  return Promise.all(
    plots
      .filter(([, , , values]) => values.length > 0)
      .map(([name, title, axis, values]) => draw(name, intervalChart(title, axis, values))),
  );
}

/** Nothing where the figure has no value; without an interval a point alone. */
function intervalOf(name: string, label: string, { value, ci95 }: Estimate): Interval[] {
  if (value === null) return [];
  const [low, high] = ci95 ?? [value, value];
  return [{ name, label, value, low, high }];
}

function intervalChart(title: string, axisTitle: string, values: readonly Interval[]): TopLevelSpec {
  const labels = [...new Set(values.map(({ label }) => label))];
  const colours = [COLOURS.herniation, COLOURS.bulgeOrHerniation];
  const x = (field: string) => ({
    field,
    type: 'quantitative' as const,
    title: axisTitle,
    scale: { domain: [0, 1] },
    axis: { tickCount: 5, format: '.1f' },
  });
  return {
    ...SHEET,
    height: { step: 26 },
    title: { text: title, anchor: 'start', fontSize: 15 },
    data: { values: values.map((value) => ({ ...value })) },
    encoding: {
      y: { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 0 } },
      yOffset: { field: 'label', type: 'nominal' },
      color: {
        field: 'label',
        type: 'nominal',
        scale: { domain: labels, range: labels.map((_, index) => colours[index % colours.length]!) },
        legend: { title: null, orient: 'bottom', direction: 'vertical', offset: 12, labelLimit: 0 },
      },
    },
    layer: [
      { mark: { type: 'rule', strokeWidth: 2 }, encoding: { x: x('low'), x2: { field: 'high' } } },
      { mark: { type: 'point', filled: true, size: 60, opacity: 1 }, encoding: { x: x('value') } },
    ],
  };
}
