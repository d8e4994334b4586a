import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Instruction {
  readonly name: string;
  readonly words: readonly string[];
}

export interface BuiltImage {
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  /** The root of the last stage's files on this machine. */
  readonly root: string;
}

function instructionsOf(text: string): Instruction[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', ...words] = line.trim().split(/\s+/);
      return { name, words };
    });
}

/**
 * Carries out a Dockerfile's steps in folders, without Docker: a stage's root is a folder, COPY copies, RUN runs with its
 * paths in that folder. Bases are empty but for `inBase`, files of this machine by their path in the base. `edit` changes
 * a command before it runs: what a network would be asked for.
 */
export function buildInFolder(
  text: string,
  options: {
    context: string;
    target: string;
    inBase: Readonly<Record<string, string>>;
    edit: (command: string) => string;
  },
): BuiltImage {
  const roots = new Map<string, string>();
  const environment: Record<string, string> = {};
  let root = '';
  let user = '';
  let entrypoint: string[] = [];
  const copy = (from: string, words: readonly string[]) => {
    const [source = '', to = ''] = words;
    const target = join(root, to);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(from, source), target, { recursive: true });
  };
  for (const { name, words } of instructionsOf(text)) {
    if (name === 'FROM') {
      root = join(options.target, words[2] ?? 'last');
      roots.set(words[2] ?? 'last', root);
      mkdirSync(root, { recursive: true });
      for (const [path, file] of Object.entries(options.inBase)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        cpSync(file, join(root, path));
      }
    } else if (name === 'COPY') {
      const stage = words.map((word) => /^--from=(.+)$/.exec(word)?.[1]).find((name) => name !== undefined);
      const paths = words.filter((word) => !word.startsWith('--'));
      copy(stage === undefined ? options.context : (roots.get(stage) ?? ''), paths);
    } else if (name === 'RUN') {
      const command = options.edit(words.join(' ')).replaceAll(/(?<=\s)\/(?=[a-z])/g, `${root}/`);
      execFileSync('/bin/sh', ['-c', command], { stdio: 'pipe', env: { PATH: process.env.PATH } });
    } else if (name === 'ENV')
      for (const word of words) environment[word.split('=')[0] ?? ''] = word.split('=')[1] ?? '';
    else if (name === 'USER') user = words[0] ?? '';
    else if (name === 'ENTRYPOINT') entrypoint = JSON.parse(words.join(' ')) as string[];
    else if (!['ARG', 'WORKDIR', 'EXPOSE'].includes(name)) throw new Error(`${name} is not known here`);
  }
  return { entrypoint, environment, user, root };
}
