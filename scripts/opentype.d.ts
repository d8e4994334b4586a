declare module 'opentype.js' {
  interface PathCommand {
    readonly type: 'M' | 'L' | 'Q' | 'C' | 'Z';
    readonly x?: number;
    readonly y?: number;
    readonly x1?: number;
    readonly y1?: number;
    readonly x2?: number;
    readonly y2?: number;
  }
  interface Font {
    readonly unitsPerEm: number;
    charToGlyph(character: string): { readonly advanceWidth: number; readonly index: number };
    getPath(text: string, x: number, y: number, size: number): { readonly commands: PathCommand[] };
  }
  const opentype: { parse(bytes: ArrayBuffer): Font };

  export type { Font, PathCommand };
  export default opentype;
}
