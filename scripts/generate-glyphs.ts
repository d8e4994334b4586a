/**
 * Writes src/reporting/glyphs.ts: outlines and advances of Inter (SIL Open Font License 1.1) for the characters that
 * pictures may carry, so that a picture's text depends on no font of the machine. Run: `npx tsx scripts/generate-glyphs.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import opentype, { type PathCommand } from 'opentype.js';

const UNITS_PER_EM = 1000;
const CHARACTERS = `${String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index))}·–±²°×…`;
const require = createRequire(import.meta.url);
const FILES = {
  medium: require.resolve('@fontsource/inter/files/inter-latin-500-normal.woff'),
  semibold: require.resolve('@fontsource/inter/files/inter-latin-600-normal.woff'),
};

function outlineOf(commands: readonly PathCommand[]): string {
  const integers = (...values: Array<number | undefined>) => values.map((value) => Math.round(value ?? 0)).join(' ');
  return commands
    .map((command) => {
      if (command.type === 'Z') return 'Z';
      if (command.type === 'Q') return `Q${integers(command.x1, command.y1, command.x, command.y)}`;
      if (command.type === 'C')
        return `C${integers(command.x1, command.y1, command.x2, command.y2, command.x, command.y)}`;
      return `${command.type}${integers(command.x, command.y)}`;
    })
    .join('');
}

function tableOf(file: string): string {
  const bytes = readFileSync(file);
  const font = opentype.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const rows = [...CHARACTERS].map((character) => {
    const glyph = font.charToGlyph(character);
    if (glyph.index === 0) throw new Error(`the font lacks U+${character.codePointAt(0)?.toString(16)}`);
    const advance = Math.round((glyph.advanceWidth * UNITS_PER_EM) / font.unitsPerEm);
    const outline = outlineOf(font.getPath(character, 0, 0, UNITS_PER_EM).commands);
    return `    ${JSON.stringify(character)}: [${advance}, '${outline}'],`;
  });
  return rows.join('\n');
}

const source = `// biome-ignore-all format: one line a glyph
// Made by scripts/generate-glyphs.ts from Inter, Copyright 2016 The Inter Project Authors
// (https://github.com/rsms/inter), under the SIL Open Font License 1.1: see OFL.txt in this folder.

/** Advance and outline (SVG path, y downwards, baseline at 0) in units of 1/${UNITS_PER_EM} of the font size. */
export type Glyph = readonly [advance: number, outline: string];

export const UNITS_PER_EM = ${UNITS_PER_EM};

/** By weight and character. */
export const GLYPHS: Readonly<Record<'medium' | 'semibold', Readonly<Record<string, Glyph>>>> = {
${Object.entries(FILES)
  .map(([name, file]) => `  ${name}: {\n${tableOf(file)}\n  },`)
  .join('\n')}
};
`;
writeFileSync(new URL('../src/reporting/glyphs.ts', import.meta.url), source);
