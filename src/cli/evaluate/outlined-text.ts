import { textPath, textWidth } from '../../reporting/lettering.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};
const TEXT = /<text\b([^>]*)>([^<]*)<\/text>/g;

/**
 * The same SVG with its text as outlines, so that drawing it needs no font. Knows what vega writes: one line a `<text>`,
 * `text-anchor`, `font-size` in pixels, `font-weight`.
 */
export function outlineText(svg: string): string {
  return svg.replace(TEXT, (_, attributes: string, content: string) => {
    const of = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
    const text = content.replace(/&(?:lt|gt|quot|amp|#39);/g, (entity) => ENTITIES[entity]!);
    const style = {
      size: Number.parseFloat(of('font-size') ?? '11'),
      weight: of('font-weight') === 'bold' ? 'semibold' : 'medium',
    } as const;
    const shift = { start: 0, middle: 0.5, end: 1 }[of('text-anchor') ?? 'start'] ?? 0;
    const kept = ['fill', 'opacity', 'transform'].flatMap((name) => {
      const value = of(name);
      return value === undefined ? [] : [`${name}="${value}"`];
    });
    const left = (-shift * textWidth(text, style)).toFixed(2);
    return `<g ${kept.join(' ')}><path transform="translate(${left},0)" d="${textPath(text, style)}"/></g>`;
  });
}
