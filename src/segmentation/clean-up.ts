import type { Box } from '../contracts/detection.ts';
import type { Grey8 } from '../imaging/image.ts';
import { CLASS, componentsOf } from '../imaging/mask.ts';

/** An island smaller than this part of its class's typical piece (of the canal: of the largest piece) is noise. */
const TINY = 0.08;
/** Distances from the spine's curve (through the disc boxes' centres) in disc widths: bodies in front, processes behind. */
const REACH = {
  vertebra: { front: 1.1, behind: 3 },
  disc: { front: 0.7, behind: 0.9 },
  canal: { front: 0.3, behind: 3 },
} as const;
/** How many of a class's components, largest first, stand before the typical one. */
const BEFORE_TYPICAL = { vertebra: 2, disc: 2, canal: 0 } as const;

/**
 * Removes stray components from a class mask, returning a new one: those that are tiny (below 8 % of the third largest
 * vertebra or disc, or of the canal's largest piece) or whose centre lies too far in front of or behind the curve through
 * the centres of `discs`, in their mean width. The canal's largest piece stays wherever it lies; others stay beside it,
 * since a tight stenosis, or a slice that leaves the canal, parts it. Removed pixels become background. Without disc boxes
 * nothing is judged by place. All in pixels of the mask.
 */
export function cleanUp(mask: Grey8, discs: readonly Box[]): Grey8 {
  const data = new Uint8Array(mask.data);
  const curve = [...discs].map(centre).sort((a, b) => a.y - b.y);
  const width = discs.reduce((sum, box) => sum + box.width, 0) / Math.max(1, discs.length);
  for (const tissue of ['vertebra', 'disc', 'canal'] as const) {
    const components = componentsOf(mask, CLASS[tissue]);
    const typical = components[Math.min(BEFORE_TYPICAL[tissue], components.length - 1)]?.pixels.length ?? 0;
    for (const component of tissue === 'canal' ? components.slice(1) : components) {
      const offset = curve.length === 0 ? 0 : (component.x - curveAt(curve, component.y)) / width;
      const far = offset < -REACH[tissue].front || offset > REACH[tissue].behind;
      if (!far && component.pixels.length >= TINY * typical) continue;
      for (const pixel of component.pixels) data[pixel] = CLASS.background;
    }
  }
  return { ...mask, data };
}

function centre({ x, y, width, height }: Box): { x: number; y: number } {
  return { x: x + width / 2, y: y + height / 2 };
}

/** Where the curve crosses a row; beyond its ends it goes straight down or up. */
function curveAt(curve: ReadonlyArray<{ x: number; y: number }>, y: number): number {
  const above = curve.findLast((point) => point.y <= y);
  const below = curve.find((point) => point.y > y);
  if (above === undefined || below === undefined) return (above ?? below)!.x;
  return above.x + ((below.x - above.x) * (y - above.y)) / (below.y - above.y);
}
