import { describe, expect, it } from 'vitest';
import { LEVELS } from '../../../src/contracts/reasons.ts';
import { drawPhantom, type Phantom } from '../../../src/phantom/phantom.ts';
import { MASK } from '../../../src/phantom/scene.ts';

const small = { rows: 160, columns: 160, spacingMm: [1.65, 1.65] as const };

function meanWhere(phantom: Phantom, label: number): number {
  let sum = 0;
  let count = 0;
  for (const [i, value] of phantom.mask.data.entries()) {
    if (value !== label) continue;
    sum += phantom.image.data[i]!;
    count += 1;
  }
  return sum / count;
}
const count = (phantom: Phantom, label: number): number => phantom.mask.data.filter((v) => v === label).length;

describe('drawPhantom', () => {
  it('gives the same pixels for the same spec and another patient for another seed', () => {
    const first = drawPhantom({ ...small, seed: 1 });
    expect(drawPhantom({ ...small, seed: 1 })).toEqual(first);
    expect(drawPhantom({ ...small, seed: 2 }).mask.data).not.toEqual(first.mask.data);
  });

  it('changes noise but not anatomy with the seed of the noise', () => {
    const first = drawPhantom({ ...small, seed: 1, noiseSeed: 1 });
    const second = drawPhantom({ ...small, seed: 1, noiseSeed: 2 });
    expect(second.mask.data).toEqual(first.mask.data);
    expect(second.image.data).not.toEqual(first.image.data);
  });

  it.each([1, 2, 3, 4, 5, 6])('shows the five lumbar discs in order from below, seed %i', (seed) => {
    const { discs } = drawPhantom({ ...small, seed });
    expect(discs.slice(0, 5).map((d) => d.level)).toEqual(LEVELS.slice(0, 5));
    const middles = discs.map((d) => d.box.y + d.box.height / 2);
    expect([...middles].sort((a, b) => b - a)).toEqual(middles);
  });

  it('bounds each disc of the mask by its box, in millimetres of an adult', () => {
    const phantom = drawPhantom({ seed: 3, rows: 300, columns: 260, spacingMm: [0.8, 1] });
    for (const { box } of phantom.discs.slice(0, 5)) {
      expect(box.width * 1).toBeGreaterThan(28);
      expect(box.width * 1).toBeLessThan(48);
      expect(box.height * 0.8).toBeGreaterThan(7);
      expect(box.height * 0.8).toBeLessThan(36);
      const row = Math.round(box.y + box.height / 2);
      const inside = phantom.mask.data.subarray(row * 260 + box.x, row * 260 + box.x + box.width);
      expect(inside.filter((v) => v === MASK.disc).length).toBeGreaterThan(box.width / 4);
    }
  });

  it('shows fluid brighter than bone on T2 and darker on T1', () => {
    const t2 = drawPhantom({ ...small, seed: 4 });
    const t1 = drawPhantom({ ...small, seed: 4, weighting: 't1' });
    expect(meanWhere(t2, MASK.canal)).toBeGreaterThan(1.5 * meanWhere(t2, MASK.vertebra));
    expect(meanWhere(t1, MASK.canal)).toBeLessThan(0.7 * meanWhere(t1, MASK.vertebra));
    expect(t1.mask.data).toEqual(t2.mask.data);
  });

  it.each(['protrusion', 'extrusion'] as const)('lets a %s reach into the canal by its depth', (kind) => {
    const fine = { seed: 5, rows: 400, columns: 300, spacingMm: [0.6, 0.6] as const, grades: { 'L4-L5': 3 } };
    const healthy = drawPhantom(fine);
    const prolapsed = drawPhantom({ ...fine, prolapses: [{ level: 'L4-L5', kind, depthMm: 7 }] });
    const rear = (p: Phantom) => {
      const { box } = p.discs.find((d) => d.level === 'L4-L5')!;
      return (box.x + box.width) * 0.6;
    };
    expect(rear(prolapsed) - rear(healthy)).toBeGreaterThan(3.5);
    expect(rear(prolapsed) - rear(healthy)).toBeLessThan(8);
    expect(count(prolapsed, MASK.canal)).toBeLessThan(count(healthy, MASK.canal));
  });

  it('narrows the canal beside the middle until foramina take its place', () => {
    const canalAt = (offsetMm: number) => count(drawPhantom({ ...small, seed: 6, offsetMm }), MASK.canal);
    expect(canalAt(8)).toBeLessThan(0.85 * canalAt(0));
    expect(canalAt(13)).toBe(0);
  });

  it('fills air with Rayleigh noise of the stated strength', () => {
    const noise = 0.05;
    const { image } = drawPhantom({ ...small, seed: 7, noise, fullScale: 1000 });
    const column = image.data.filter((_, i) => i % small.columns >= small.columns - 4);
    const mean = column.reduce((a, b) => a + b, 0) / column.length;
    expect(mean).toBeGreaterThan(0.9 * noise * 1000 * Math.sqrt(Math.PI / 2));
    expect(mean).toBeLessThan(1.1 * noise * 1000 * Math.sqrt(Math.PI / 2));
  });

  it('leaves out a disc that the image cuts', () => {
    const { discs } = drawPhantom({ ...small, seed: 1, rows: 70 });
    expect(discs.length).toBeGreaterThan(0);
    expect(discs.length).toBeLessThan(5);
  });
});
