// Writes what `discflow evaluate` printed into the model card: npx tsx scripts/card-figures.ts NAME=FILE …
// Each `<!-- NAME -->` in the card, and the table that follows it, is replaced by the rows of that file.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const CARD = fileURLToPath(new URL('../layers/models/MODEL_CARD.md', import.meta.url));
const SHOWN =
  /^\| *[^|]*\| *[^|]*\| *(mAP50|mAP50-95|false a picture|named right and certain|wrong among certain|ROC AUC|ROC AUC of the level alone|balanced accuracy|mIoU without background|mean Dice without background|IoU, \w+) *\|/;

/** The rows of an evaluation's printed table, as Markdown. */
function rowsOf(text: string): string {
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) => line.replaceAll('│', '|').replace(/ +/g, ' '))
    .filter((line) => SHOWN.test(line));
  return ['| source | part | figure | value (95 %) | over |', '|---|---|---|---|---|', ...rows].join('\n');
}

let card = await readFile(CARD, 'utf8');
for (const argument of process.argv.slice(2)) {
  const [name = '', file = ''] = argument.split('=');
  const marker = `<!-- ${name} -->`;
  if (!card.includes(marker)) throw new Error(`the card has no ${marker}`);
  const table = rowsOf(await readFile(file, 'utf8'));
  card = card.replace(new RegExp(`${marker}\\n(\\n\\|.*(?:\\n\\|.*)*\\n)?`), `${marker}\n\n${table}\n`);
}
await writeFile(CARD, card);
