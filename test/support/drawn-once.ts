import { drawLocalizer } from '../../src/phantom/localizer.ts';
import { drawPhantom, type Phantom, type PhantomSpec } from '../../src/phantom/phantom.ts';
import { type PhantomStudySpec, phantomStudy } from '../../src/phantom/study.ts';

const phantoms = new Map<string, Phantom>();
const localizers = new Map<string, ReturnType<typeof drawLocalizer>>();

function once<Drawn>(known: Map<string, Drawn>, key: string, draw: () => Drawn): Drawn {
  const drawn = known.get(key) ?? draw();
  known.set(key, drawn);
  return drawn;
}

/** All that a slice is drawn from, and no more: studies of other syntaxes and attributes show the same slices. */
function drawnFrom(spec: PhantomSpec): Required<{ [K in keyof PhantomSpec]: unknown }> {
  const { seed, rows, columns, spacingMm, weighting, offsetMm, centreMm, grades, prolapses } = spec;
  const { noise, shading, saturationBand, fullScale, noiseSeed } = spec;
  return {
    ...{ seed, rows, columns, spacingMm, weighting, offsetMm, centreMm, grades, prolapses },
    ...{ noise, shading, saturationBand, fullScale, noiseSeed },
  };
}

/** As `drawPhantom`, each slice once a process: drawing takes longer than most that is tested on it. Do not write into it. */
export const phantomOnce = (spec: PhantomSpec): Phantom =>
  once(phantoms, JSON.stringify(drawnFrom(spec)), () => drawPhantom(spec));

/** As `phantomStudy`, with files of their own and each slice drawn once a process. */
export const studyOnce = (spec: PhantomStudySpec) =>
  phantomStudy(spec, {
    phantom: phantomOnce,
    localizer: (seed, plane) => once(localizers, `${seed} ${plane}`, () => drawLocalizer(seed, plane)),
  });
