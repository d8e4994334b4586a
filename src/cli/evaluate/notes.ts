/**
 * Strict herniation by level from a radiologist's free text: protrusion, extrusion, sequestration or a herniation called
 * so; a bulge is none. Reads as training/discflow_training/labels.py does: both are tested on
 * test/golden/fixtures/notes.json.
 */

const VERTEBRAE = [
  ...Array.from({ length: 12 }, (_, index) => `T${index + 1}`),
  ...Array.from({ length: 5 }, (_, index) => `L${index + 1}`),
  'S1',
];
const BACK_LEVELS = new Set(VERTEBRAE.slice(0, -1).map((upper, index) => `${upper}-${VERTEBRAE[index + 1]}`));

const PAIR = /\b([CDTLS])\s?(\d{1,2})\s{0,2}(?:[-–/]\s{0,2}|\s)([CDTLS])?\s?(\d{1,2})\b/gi;
const HERNIATION =
  /\bprot[a-z]*[iu]on[a-z]*|\bprotru[a-z]*|\bextru[a-z]*|\bseq[a-z]*tra[a-z]*|\bher?n[a-z]*ation[a-z]*|\bheniation[a-z]*|\bprolaps[a-z]*|\bprotur[a-z]*/gi;
const BULGE = /\bbulg[a-z]*/gi;
const GROUP = /§(\d+)§(?:[\s,&/]*(?:and|amnd|levels?)?[\s,&/]*§\d+§)*\s*(?:levels?)?\s*(:)?/gi;
const MARK = /§(\d+)§/g;
const CLAUSES = /\.+(?=\s|$|[A-Za-z§-])|\/{2,}|\n|(?:(?<=\s)|^)-(?=\s?[A-Za-z§])|\s{2,}-\s*/;
const NEGATED = /\b(?:no|not|without)\b(?:\W+\w+){0,6}\W*$/i;
const DOUBT = /\?[^.]{0,25}$|\b(?:possible|suspected|suggestive of|to exclude)\b[^.]{0,20}$/i;
const SEVERAL = /\bmulti\s?-?levels?\b|\bseveral\b/i;

/** What a note says. Levels are written from above, `L4-L5`; levels of the neck may stand among them. */
export interface NoteFindings {
  readonly herniated: ReadonlySet<string>;
  readonly bulging: ReadonlySet<string>;
  readonly doubtful: ReadonlySet<string>;
  /** The note speaks of herniations without naming every level. */
  readonly othersOpen: boolean;
}

interface Reading {
  readonly herniated: Set<string>;
  readonly bulging: Set<string>;
  readonly doubtful: Set<string>;
  othersOpen: boolean;
}

interface Finding {
  readonly herniation: boolean;
  readonly doubtful: boolean;
  readonly several: boolean;
}

interface Token {
  readonly kind: 'levels' | 'herniation' | 'bulge';
  readonly match: RegExpExecArray;
}

/**
 * A finding belongs to the level of its heading (`L4-L5: …`, or a clause that begins with the level), otherwise to the
 * levels named after it in its clause; findings joined before one level share it.
 */
export function parseNote(note: string): NoteFindings {
  const levels: string[] = [];
  const marked = note.replace(PAIR, (...match: string[]) => markLevel(match, levels));
  const reading: Reading = { herniated: new Set(), bulging: new Set(), doubtful: new Set(), othersOpen: false };
  let heading: string[] = [];
  for (const clause of marked.split(CLAUSES)) heading = readClause(clause, levels, heading, reading);
  return reading;
}

/** 1, 0, or null where the note leaves the level open. */
export function herniationAt(findings: NoteFindings, level: string): 0 | 1 | null {
  if (findings.doubtful.has(level)) return null;
  if (findings.herniated.has(level)) return 1;
  return findings.othersOpen ? null : 0;
}

/** Replaces a level by `§n§`; typing errors stay as they are. */
function markLevel([whole, first, upper, second, lower]: readonly string[], levels: string[]): string {
  const above = first!.toUpperCase().replace('D', 'T');
  const named = (second ?? '').toUpperCase().replace('D', 'T');
  const below = named === '' ? lowerLetter(above, upper!, lower!) : named;
  const name = `${above}${Number(upper)}-${below}${Number(lower)}`;
  if (!BACK_LEVELS.has(name) && above !== 'C') return whole!;
  levels.push(name);
  return `§${levels.length - 1}§`;
}

function lowerLetter(above: string, upper: string, lower: string): string {
  if (lower === '1' && upper === '5') return 'S';
  return lower === '1' && upper === '12' ? 'L' : above;
}

function tokensOf(clause: string): Token[] {
  const of = (kind: Token['kind'], pattern: RegExp) =>
    [...clause.matchAll(pattern)].map((match): Token => ({ kind, match }));
  return [...of('levels', GROUP), ...of('herniation', HERNIATION), ...of('bulge', BULGE)].sort(
    (a, b) => a.match.index - b.match.index,
  );
}

/** Adds a clause's findings to the reading; returns the heading that holds after it. */
function readClause(clause: string, levels: readonly string[], heading: string[], reading: Reading): string[] {
  let holding = heading;
  let own: string[] = [];
  let pending: Finding[] = [];
  let seen = false;
  const inForce = () => (own.length > 0 ? own : holding);
  for (const { kind, match } of tokensOf(clause)) {
    if (kind !== 'levels') {
      const before = clause.slice(0, match.index);
      if (kind === 'herniation' && NEGATED.test(before)) continue;
      seen = true;
      pending.push({ herniation: kind === 'herniation', doubtful: DOUBT.test(before), several: SEVERAL.test(before) });
      continue;
    }
    const group = [...match[0].matchAll(MARK)].map(([, index]) => levels[Number(index)]!);
    const isHeading = match[2] !== undefined;
    if (isHeading || !seen) {
      settle(pending, inForce(), reading);
      own = group;
      if (isHeading) holding = group;
    } else {
      settle(pending, own.length > 0 ? own : group, reading);
    }
    pending = [];
  }
  settle(pending, inForce(), reading);
  return own.length > 0 && beginsWithLevel(clause) ? own : holding;
}

const beginsWithLevel = (clause: string): boolean => /^[ ,;*]*§\d+§/.test(clause);

function settle(pending: readonly Finding[], levels: readonly string[], reading: Reading): void {
  for (const { herniation, doubtful, several } of pending) {
    const named = herniation ? (doubtful ? reading.doubtful : reading.herniated) : reading.bulging;
    for (const level of levels) named.add(level);
    if (!herniation) continue;
    if (levels.length === 0 || (several && !doubtful)) reading.othersOpen = true;
  }
}
