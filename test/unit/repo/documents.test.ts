import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { API_ROUTES } from '../../../src/contracts/api.ts';
import { uploadBytesFor } from '../../../src/contracts/limits.ts';
import { TERMINAL_RUN_STATUSES } from '../../../src/contracts/messages.ts';
import { gatesSchema } from '../../../src/contracts/pack.ts';
import { REASON_CODES } from '../../../src/contracts/reasons.ts';
import { DEFAULT_LIMITS } from '../../../src/pipeline/prepare-files.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FOLDERS = ['.', 'docs', 'docs/adr', 'src', 'layers/models', 'training'];
const documents = FOLDERS.flatMap((folder) =>
  existsSync(join(ROOT, folder))
    ? readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith('.md') ? [join(folder, name)] : []))
    : [],
);
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

describe('the documents', () => {
  it.each(documents)('%s links to files that are there', (name) => {
    const links = [...read(name).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].map(([, target]) => target!);
    const local = links.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => !existsSync(join(ROOT, dirname(name), target)))).toEqual([]);
  });

  it('name only scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = documents.flatMap((name) =>
      [...read(name).matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, script]) => script!),
    );
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  it('number decision records without gaps, each with context, decision and consequences', () => {
    const records = readdirSync(join(ROOT, 'docs/adr')).sort();
    for (const [index, name] of records.entries()) {
      expect(name).toMatch(new RegExp(`^${String(index + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`));
      const headings = read(join('docs/adr', name)).match(/^## .*$/gm);
      expect(headings, name).toEqual(['## Context', '## Decision', '## Consequences']);
    }
  });

  it('guide through the API with routes that it has, ends that a run has and limits that hold', () => {
    const page = read('docs/api.md');
    const known = Object.values(API_ROUTES).map(({ path }) => path.replace(/\{\w+\}/g, '{}'));
    const named = [...page.matchAll(/\/v1\/[\w/{}]+/g)].map(([path]) => path.replace(/\{\w+\}/g, '{}'));
    expect(named.filter((path) => !known.includes(path))).toEqual([]);
    const ends = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, status]) => status);
    expect(ends.sort()).toEqual(TERMINAL_RUN_STATUSES.filter((status) => status !== 'cancelled').sort());
    const { maxEntries, maxStudies, maxFileBytes, maxTotalBytes, maxFrames } = DEFAULT_LIMITS;
    expect(page).toContain(`${maxEntries.toLocaleString('en')} files and ${maxStudies} studies`);
    expect(page).toContain(`${maxFileBytes / 2 ** 20} MiB, all files ${maxTotalBytes / 2 ** 30} GiB unpacked`);
    expect(page).toContain(`${maxFrames.toLocaleString('en')} frames`);
    expect(page).toContain(`${uploadBytesFor(2048) / 2 ** 20} MiB as deployed`);
  });

  it('tell of every reason what to do about it, in words that Markdown shows', () => {
    const rows = read('docs/reasons.md').match(/^\| `\w+` .*$/gm) ?? [];
    expect(rows).toHaveLength(REASON_CODES.length);
    expect(rows.filter((row) => !/ \| [A-Z][^|]+\. \|$/.test(row) || /<\w/.test(row))).toEqual([]);
  });

  it('tell what every gate of a pack judges', () => {
    const page = read('docs/model-pack.md');
    expect(Object.keys(gatesSchema.shape).filter((gate) => !page.includes(`| \`${gate}`))).toEqual([]);
  });
});
