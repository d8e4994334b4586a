import { readFileSync } from 'node:fs';
import { satisfies } from 'semver';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

const read = (name: string): string => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
const engines = z.object({ node: z.string() });
const { packages } = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        engines: z.looseObject({ node: z.string().optional() }).optional(),
        optional: z.boolean().optional(),
      }),
    ),
  })
  .parse(JSON.parse(read('package-lock.json')));
const promised = z.object({ engines }).parse(JSON.parse(read('package.json'))).engines.node;
const oldest = /^>=(\d+\.\d+)$/.exec(promised)?.[1];

describe('the Node that README and package.json promise', () => {
  test.each([`${oldest}.0`, '22.13.0', '24.0.0'])('%s is taken by every package of the lock', (version) => {
    const refusing = Object.entries(packages).filter(
      ([, { engines: own, optional }]) =>
        !(optional ?? false) && own?.node !== undefined && !satisfies(version, own.node),
    );
    expect(refusing).toEqual([]);
  });

  test('is written the same in README, CONTRIBUTING and package.json', () => {
    for (const file of ['README.md', 'CONTRIBUTING.md']) expect(read(file)).toContain(`Node ${oldest} or newer`);
  });
});
