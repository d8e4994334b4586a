// Runs after `npm ci`: builds dist/ and links the command, so that `npx discflow` works in a fresh clone.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
mkdirSync('node_modules/.bin', { recursive: true });
const link = 'node_modules/.bin/discflow';
if (existsSync(link)) rmSync(link);
symlinkSync('../../bin/discflow.js', link);
