import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { herniationAt, parseNote } from '../../../src/cli/evaluate/notes.ts';
import { LEVELS } from '../../../src/contracts/reasons.ts';

interface QuotedNote {
  readonly note: string;
  readonly herniated: readonly string[];
  readonly bulging: readonly string[];
  /** Levels that the note leaves open: named ones, all, or all but the herniated ones. */
  readonly open: readonly string[] | 'all' | 'others';
}

const QUOTED = JSON.parse(
  readFileSync(new URL('../../golden/fixtures/notes.json', import.meta.url), 'utf8'),
) as QuotedNote[];

describe('parseNote', () => {
  it.each(QUOTED)('reads $note', ({ note, herniated, bulging, open }) => {
    const findings = parseNote(note);
    const labelled = (label: 0 | 1 | null) => LEVELS.filter((level) => herniationAt(findings, level) === label).sort();
    expect(labelled(1)).toEqual([...herniated].sort());
    const all = [...LEVELS].sort();
    const named = open === 'all' ? all : open === 'others' ? all.filter((level) => !herniated.includes(level)) : open;
    expect(labelled(null)).toEqual(named);
    expect(LEVELS.filter((level) => findings.bulging.has(level)).sort()).toEqual([...bulging].sort());
  });
});
