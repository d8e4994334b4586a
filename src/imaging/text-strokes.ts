import type { Grey16 } from './image.ts';

export function holdsText(_image: Grey16, _options: { invert: boolean }): boolean {
  return false;
}
