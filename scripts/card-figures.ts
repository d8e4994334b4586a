// Writes figures of `discflow evaluate` into a model card: npx tsx scripts/card-figures.ts [--card FILE] NAME=DIR …
// The card is that of layers/models where `--card` names none.
// Each `<!-- NAME -->` in the card, and the table that follows it, is replaced by the chief figures in DIR/metrics.json.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { estimateText, figureLines, subsetLines } from '../src/cli/evaluate/figure-lines.ts';
import type { EvaluationRecord } from '../src/cli/evaluate/record.ts';

const { values: options, positionals } = parseArgs({ options: { card: { type: 'string' } }, allowPositionals: true });
const CARD = options.card ?? fileURLToPath(new URL('../layers/models/MODEL_CARD.md', import.meta.url));

function tableOf({ sources }: EvaluationRecord): string {
  const rows = sources.flatMap((figures) =>
    [
      ...figureLines(figures)
        .filter(({ headline }) => headline)
        .map((line) => ({ ...line, part: line.group })),
      ...subsetLines(figures)
        .filter(({ by }) => by === 'slice')
        .map((line) => ({ ...line, part: `${line.group}, ${line.subset}` })),
    ].map(
      ({ part, name, estimate, n }) => `| ${figures.source} | ${part} | ${name} | ${estimateText(estimate)} | ${n} |`,
    ),
  );
  return ['| source | part | figure | value (95 %) | over |', '|---|---|---|---|---|', ...rows].join('\n');
}

let card = await readFile(CARD, 'utf8');
for (const argument of positionals) {
  const [name = '', folder = ''] = argument.split('=');
  const marker = `<!-- ${name} -->`;
  if (!card.includes(marker)) throw new Error(`the card has no ${marker}`);
  const record = JSON.parse(await readFile(join(folder, 'metrics.json'), 'utf8')) as EvaluationRecord;
  card = card.replace(new RegExp(`${marker}\\n(\\n\\|.*(?:\\n\\|.*)*\\n)?`), `${marker}\n\n${tableOf(record)}\n`);
}
await writeFile(CARD, card);
