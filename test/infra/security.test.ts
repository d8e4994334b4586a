import { beforeAll, describe, expect, test } from 'vitest';
import { ANALYZE_BACKENDS, type AnalyzeBackend, parseConfig } from '../../infra/config.ts';
import { deploy } from '../../infra/deployment.ts';
import { acknowledge } from '../../infra/security/acknowledge.ts';
import type { Acknowledgement } from '../../infra/security/acknowledgements.ts';
import { rulePacks } from '../../infra/security/packs.ts';
import { appOf } from './support.ts';

interface Finding {
  readonly rule: string;
  readonly resource: string;
}

/** What the rule packs say of one configuration, before and after the acknowledgements. */
function judge(
  stage: string,
  analyze: AnalyzeBackend,
  change: Record<string, unknown> = {},
): { before: Finding[]; after: Finding[]; used: Acknowledgement[] } {
  const { app, config: read } = appOf({ stage, analyze });
  const config = parseConfig({ ...read, ...change });
  deploy(app, config);
  const findings = () =>
    rulePacks(app).flatMap((pack) =>
      pack.validateScope(app).violations.flatMap(({ ruleName, violatingResources }) =>
        (violatingResources as unknown as Array<{ constructPath: string }>).map(({ constructPath }) => ({
          rule: ruleName,
          resource: constructPath,
        })),
      ),
    );
  const before = findings();
  const used = acknowledge(app, config);
  // References between stacks become imports here, and findings name them so.
  app.synth();
  return { before, after: findings(), used };
}

const key = ({ rule, resource }: Finding): string => `${rule} ${resource}`;

describe.each(['dev', 'prod'])('stage %s', (stage) => {
  describe.each(ANALYZE_BACKENDS)('backend %s', (backend) => {
    let judged: ReturnType<typeof judge>;
    beforeAll(() => {
      judged = judge(stage, backend);
    });

    test('no finding of AwsSolutions, HIPAA.Security or Serverless is left', () => {
      expect(judged.after.map(key)).toEqual([]);
    });

    test('at most 40 findings are acknowledged, each of them a real one, none twice', () => {
      const real = new Set(judged.before.map(key));
      const acknowledged = judged.used.map(key);
      expect(acknowledged.filter((entry) => !real.has(entry))).toEqual([]);
      expect(new Set(acknowledged).size).toBe(acknowledged.length);
      expect(acknowledged.length).toBeLessThanOrEqual(40);
    });

    test('every acknowledgement names one resource, a control and an owner', () => {
      for (const { resource, control, owner } of judged.used) {
        expect(resource).not.toMatch(/[*?]/);
        expect(control.length).toBeGreaterThan(40);
        expect(['security', 'platform', 'pipeline']).toContain(owner);
      }
    });
  });
});

test('with every option on, no finding is left either', () => {
  const judged = judge('prod', 'lambda-cpu', {
    malwareGate: true,
    cloudTrailDataEvents: true,
    tenants: ['north', 'south'],
    webhooks: [{ tenant: 'north', url: 'https://north.example.org/hook' }],
    auth: { kind: 'jwt', issuer: 'https://login.example.org', audience: ['discflow'] },
    backfillSources: ['arn:aws:s3:::archive'],
  });
  expect(judged.after.map(key)).toEqual([]);
});
