// Applies the import rules of .dependency-cruiser.cjs. `node scripts/check-imports.mjs [folder]` (default: here).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TSCONFIG = resolve(ROOT, 'tsconfig.json');
const FOLDERS = ['src', 'functions', 'infra', 'scripts', 'bench'];

const folder = resolve(process.argv[2] ?? ROOT);
process.chdir(folder);
const { forbidden, options } = require(resolve(ROOT, '.dependency-cruiser.cjs'));
const { output } = await cruise(
  FOLDERS.filter((name) => existsSync(name)),
  { ...options, tsConfig: { fileName: TSCONFIG }, ruleSet: { forbidden }, validate: true, baseDir: folder },
  options.enhancedResolveOptions,
  { tsConfig: extractTSConfig(TSCONFIG) },
);

const own = output.modules.filter((module) => !module.source.includes('node_modules') && !module.coreModule);
const edges = own.flatMap((module) => module.dependencies);
// With a compiler that it does not know, dependency-cruiser sees nothing and finds nothing wrong.
if (!own.some((module) => module.source.startsWith('src/contracts/')) || edges.length === 0) {
  console.error(
    `import rules: ${own.length} modules and ${edges.length} imports seen, src/contracts not among them: nothing was checked`,
  );
  process.exit(1);
}
for (const { rule, from, to, cycle } of output.summary.violations) {
  const way = cycle === undefined ? to : [to, ...cycle.map((step) => step.name ?? step)].join(' -> ');
  const why = forbidden.find(({ name }) => name === rule.name)?.comment ?? '';
  console.error(`${rule.name}: ${from}${way === from ? '' : ` -> ${way}`}\n  ${why}`);
}
const { error } = output.summary;
console.log(`import rules: ${own.length} modules, ${edges.length} imports, ${error} violations`);
process.exitCode = error > 0 ? 1 : 0;
