import { InputFault } from '../contracts/reasons.ts';
import { ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, SEQUENCES, TAG, WANTED } from './tags.ts';

/** Where an element's value lies in its data set's bytes; a sequence has items, encapsulated pixels have fragments. */
export interface Element {
  /** Empty in an implicit data set. */
  readonly vr: string;
  readonly offset: number;
  readonly length: number;
  readonly items?: DataSet[];
  /** The fragments of encapsulated pixel data, the basic offset table first. */
  readonly fragments?: readonly Fragment[];
}

export interface Fragment {
  readonly offset: number;
  readonly length: number;
}

/** The wanted elements of a data set or of one item. Of a tag that comes twice the walk refuses the whole file. */
export interface DataSet {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly littleEndian: boolean;
  readonly elements: Map<number, Element>;
}

export interface DataSetSyntax {
  readonly implicit: boolean;
  readonly littleEndian: boolean;
}

/** Sequences inside sequences; MR objects need five. */
const MAX_DEPTH = 64;
const UNDEFINED_LENGTH = 0xffffffff;
/** Longer than any element of a file that is read whole. */
const IMPOSSIBLE_LENGTH = 0x7fffffff;

const SHORT_VRS = new Set('AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' '));
/** Those whose length stands in four bytes behind two reserved ones: PS3.5 section 7.1.2. */
export const LONG_VRS: ReadonlySet<string> = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));

/** One open container of the walk: the data set or an item (`elements`), or a sequence (`items`). */
interface Level {
  readonly kind: 'elements' | 'items';
  readonly end: number;
  readonly openEnded: boolean;
  readonly implicit: boolean;
  readonly littleEndian: boolean;
  /** Where wanted elements go; null inside a sequence that is not wanted. */
  readonly target: DataSet | null;
  readonly items: DataSet[] | null;
}

/** One element's head as it stands in the bytes. */
interface Head {
  readonly tag: number;
  readonly vr: string;
  readonly length: number;
  readonly offset: number;
}

/**
 * Walks a data set from `start` to the end of `bytes` without recursion and without reading any value, keeping where
 * the wanted elements lie. Every length is checked against its container.
 * Throws `InputFault`: `truncated`, `malformed`, `inconsistent_header` (a wanted tag twice). DICOM PS3.5 section 7.
 */
export function walkDataSet(bytes: Uint8Array, start: number, syntax: DataSetSyntax): DataSet {
  return new Walk(bytes).run(start, syntax);
}

/** As `walkDataSet`, but up to the first fault: what was kept before it. */
export function walkUpToFault(bytes: Uint8Array, start: number, syntax: DataSetSyntax): DataSet {
  const walk = new Walk(bytes);
  try {
    return walk.run(start, syntax);
  } catch (error) {
    if (!(error instanceof InputFault)) throw error;
    return walk.root;
  }
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #levels: Level[] = [];
  #position = 0;
  #pixelsSeen = false;
  /** Where nothing but zeros follows; found once, since a file may hold any number of elements of zeros. */
  #paddingStart: number | null = null;
  root: DataSet;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.root = this.#newSet(true);
  }

  run(start: number, { implicit, littleEndian }: DataSetSyntax): DataSet {
    const root = this.#newSet(littleEndian);
    this.root = root;
    this.#position = start;
    this.#levels.push({
      kind: 'elements',
      end: this.#bytes.length,
      openEnded: false,
      implicit,
      littleEndian,
      target: root,
      items: null,
    });
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      if (!level.openEnded && this.#position >= level.end) {
        this.#levels.pop();
      } else if (level.kind === 'items') {
        this.#readItem(level);
      } else if (this.#levels.length === 1 && this.#onlyPaddingLeft()) {
        this.#levels.pop();
      } else {
        this.#readElement(level);
      }
    }
    return root;
  }

  #newSet(littleEndian: boolean): DataSet {
    return { bytes: this.#bytes, view: this.#view, littleEndian, elements: new Map() };
  }

  /** Zero bytes behind the pixels that some writers leave. */
  #onlyPaddingLeft(): boolean {
    if (!this.#pixelsSeen || this.#bytes[this.#position] !== 0) return false;
    this.#paddingStart ??= this.#bytes.findLastIndex((byte) => byte !== 0) + 1;
    return this.#position >= this.#paddingStart;
  }

  #need(count: number, level: Level): void {
    if (this.#position + count <= level.end) return;
    throw new InputFault(
      level.end === this.#bytes.length ? 'truncated' : 'malformed',
      'an element crosses its container',
    );
  }

  #tag({ littleEndian }: Level): number {
    const group = this.#view.getUint16(this.#position, littleEndian);
    const element = this.#view.getUint16(this.#position + 2, littleEndian);
    return ((group << 16) | element) >>> 0;
  }

  #checkLength(length: number, offset: number, level: Level): void {
    if (offset + length <= level.end) return;
    if (length >= IMPOSSIBLE_LENGTH) throw new InputFault('malformed', 'an impossible length');
    throw new InputFault(
      level.end === this.#bytes.length ? 'truncated' : 'malformed',
      'an element crosses its container',
    );
  }

  #readItem(level: Level): void {
    this.#need(8, level);
    const tag = this.#tag(level);
    const length = this.#view.getUint32(this.#position + 4, level.littleEndian);
    this.#position += 8;
    if (tag === SEQUENCE_DELIMITER && level.openEnded) {
      this.#levels.pop();
      return;
    }
    if (tag !== ITEM) throw new InputFault('malformed', 'a sequence holds something that is no item');
    const openEnded = length === UNDEFINED_LENGTH;
    if (!openEnded) this.#checkLength(length, this.#position, level);
    const { implicit, littleEndian } = level;
    const target = level.items === null ? null : this.#newSet(littleEndian);
    if (target !== null) level.items?.push(target);
    const end = openEnded ? level.end : this.#position + length;
    this.#levels.push({ kind: 'elements', end, openEnded, implicit, littleEndian, target, items: null });
  }

  #readElement(level: Level): void {
    const head = this.#readHead(level);
    if (head.tag === ITEM_DELIMITER && level.openEnded) {
      this.#position = head.offset;
      this.#levels.pop();
      return;
    }
    if (head.tag >>> 16 === 0xfffe) throw new InputFault('malformed', 'a delimiter outside its sequence');
    this.#position = head.offset;
    if (isPixels(head)) this.#readEncapsulated(head, level);
    else if (isSequence(head)) this.#openSequence(head, level);
    else this.#skipValue(head, level);
  }

  #readHead(level: Level): Head {
    this.#need(8, level);
    const tag = this.#tag(level);
    const at = this.#position;
    const view = this.#view;
    if (level.implicit || tag >>> 16 === 0xfffe) {
      return { tag, vr: '', length: view.getUint32(at + 4, level.littleEndian), offset: at + 8 };
    }
    const vr = String.fromCharCode(this.#bytes[at + 4]!, this.#bytes[at + 5]!);
    if (SHORT_VRS.has(vr)) return { tag, vr, length: view.getUint16(at + 6, level.littleEndian), offset: at + 8 };
    if (!LONG_VRS.has(vr)) throw new InputFault('malformed', 'an unknown value representation');
    this.#need(12, level);
    return { tag, vr, length: view.getUint32(at + 8, level.littleEndian), offset: at + 12 };
  }

  #keep(head: Head, level: Level, element: Element): void {
    if (level.target === null || !WANTED.has(head.tag)) return;
    if (level.target.elements.has(head.tag)) throw new InputFault('inconsistent_header', 'an element comes twice');
    level.target.elements.set(head.tag, element);
  }

  #skipValue(head: Head, level: Level): void {
    if (head.length === UNDEFINED_LENGTH) throw new InputFault('malformed', 'an undefined length where none may be');
    this.#checkLength(head.length, head.offset, level);
    this.#keep(head, level, { vr: head.vr, offset: head.offset, length: head.length });
    this.#position = head.offset + head.length;
    if (head.tag === TAG.pixelData && this.#levels.length === 1) this.#pixelsSeen = true;
  }

  #openSequence(head: Head, level: Level): void {
    if (this.#levels.length > 2 * MAX_DEPTH)
      throw new InputFault('malformed', `nested deeper than ${MAX_DEPTH} sequences`);
    const openEnded = head.length === UNDEFINED_LENGTH;
    if (!openEnded) this.#checkLength(head.length, head.offset, level);
    const wanted = level.target !== null && WANTED.has(head.tag);
    const items: DataSet[] | null = wanted ? [] : null;
    if (items !== null) this.#keep(head, level, { vr: 'SQ', offset: head.offset, length: 0, items });
    const end = openEnded ? level.end : head.offset + head.length;
    // A sequence in an UN element is implicit and little endian, whatever its data set is: PS3.5 section 6.2.2 (CP-246).
    const unknown = head.vr === 'UN';
    const implicit = level.implicit || unknown;
    const littleEndian = level.littleEndian || unknown;
    this.#levels.push({ kind: 'items', end, openEnded, implicit, littleEndian, target: null, items });
  }

  /** Pixel data in fragments, PS3.5 annex A.4: items up to a sequence delimiter. */
  #readEncapsulated(head: Head, level: Level): void {
    const fragments: Fragment[] = [];
    for (;;) {
      this.#need(8, level);
      const tag = this.#tag(level);
      const length = this.#view.getUint32(this.#position + 4, level.littleEndian);
      this.#position += 8;
      if (tag === SEQUENCE_DELIMITER) break;
      if (tag !== ITEM || length === UNDEFINED_LENGTH)
        throw new InputFault('malformed', 'pixel fragments are no items');
      this.#checkLength(length, this.#position, level);
      fragments.push({ offset: this.#position, length });
      this.#position += length;
    }
    this.#keep(head, level, { vr: head.vr, offset: head.offset, length: this.#position - head.offset, fragments });
    if (this.#levels.length === 1) this.#pixelsSeen = true;
  }
}

const isPixels = (head: Head): boolean => head.tag === TAG.pixelData && head.length === UNDEFINED_LENGTH;

function isSequence(head: Head): boolean {
  if (head.vr === 'SQ') return true;
  const unnamed = head.vr === '' || head.vr === 'UN';
  return unnamed && (head.length === UNDEFINED_LENGTH || SEQUENCES.has(head.tag));
}
