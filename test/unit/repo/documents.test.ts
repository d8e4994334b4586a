import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gatesSchema } from '../../../src/contracts/pack.ts';

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

  it('tell what every gate of a pack judges', () => {
    const page = read('docs/model-pack.md');
    expect(Object.keys(gatesSchema.shape).filter((gate) => !page.includes(`| \`${gate}`))).toEqual([]);
  });
});
