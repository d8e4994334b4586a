import type { Grey16 } from '../imaging/image.ts';
import { gaussianPair, layeredField, mixSeed, randomOf } from './random.ts';

export const LOCALIZER_SIDE = 192;
export const LOCALIZER_SPACING_MM = 2.1;

/** A quick noisy scout: the trunk's outline and little else. */
export function drawLocalizer(seed: number, plane: 'axial' | 'coronal' | 'sagittal'): Grey16 {
  const halfWidth = { axial: 0.4, coronal: 0.38, sagittal: 0.26 }[plane];
  const halfHeight = { axial: 0.27, coronal: 0.7, sagittal: 0.7 }[plane];
  const texture = layeredField(mixSeed(seed, 201), 30, 3);
  const random = randomOf(mixSeed(seed, 202));
  const data = new Uint16Array(LOCALIZER_SIDE * LOCALIZER_SIDE);
  for (let i = 0; i < data.length; i += 1) {
    const x = (i % LOCALIZER_SIDE) / LOCALIZER_SIDE - 0.5;
    const y = Math.floor(i / LOCALIZER_SIDE) / LOCALIZER_SIDE - 0.5;
    const inside = (x / halfWidth) ** 2 + (y / halfHeight) ** 2 < 1;
    const signal = inside ? 120 + 70 * texture(x * 400, y * 400) : 0;
    const [a, b] = gaussianPair(random);
    data[i] = Math.round(Math.sqrt((signal + 40 * a) ** 2 + (40 * b) ** 2));
  }
  return { depth: 'u16', width: LOCALIZER_SIDE, height: LOCALIZER_SIDE, data };
}
