import { describe, expect, test } from 'vitest';
import { Jobs } from '../../functions/backfill/job.ts';
import { Tally } from '../../functions/backfill/tally.ts';
import { useServices } from '../contract/services.ts';

const services = useServices();
const open = (jobs: Jobs, jobId: string, budgetUsd: number, { tenant = 'north', bucket = 'archive' } = {}) =>
  jobs.open(
    { jobId, tenant, source: { kind: 'prefix', bucket, key: '' }, studiesPerMinute: 60, budgetUsd },
    0.01,
    1000,
  );

describe('a job', () => {
  test('has as many studies as its budget pays whole', async () => {
    const jobs = new Jobs(services.clients.documents, services.embedded.table);
    expect((await open(jobs, 'whole', 0.0399)).maxStudies).toBe(3);
    expect((await open(jobs, 'none', 0.0099)).maxStudies).toBe(0);
  });

  test.each([
    ['tenant', { tenant: 'south' }],
    ['bucket', { bucket: 'elsewhere' }],
  ])(
    'of the name of one of another %s is refused: its studies would be booked as those of the other',
    async (what, other) => {
      const jobs = new Jobs(services.clients.documents, services.embedded.table);
      await open(jobs, `of-another-${what}`, 1);
      await expect(open(jobs, `of-another-${what}`, 1, other)).rejects.toThrow(/name another jobId/);
      expect((await open(jobs, `of-another-${what}`, 1)).tenant).toBe('north');
    },
  );

  test.each([
    ['staged', { admitted: 2, skipped: 0 }],
    ['skipped', { admitted: 1, skipped: 1 }],
  ] as const)('counts an upload that is settled as %s twice but once', async (outcome, counts) => {
    const jobs = new Jobs(services.clients.documents, services.embedded.table);
    const job = await open(jobs, outcome, 1);
    expect(await jobs.admit(job, ['a', 'b'], 2000)).toEqual({ outcome: 'admitted' });
    await jobs.settle(job.jobId, 'a', outcome);
    await jobs.settle(job.jobId, 'a', outcome);
    expect(await jobs.get(job.jobId)).toMatchObject({ ...counts, booked: ['b'] });
  });
});

test('what is too young to be sure of is counted, but not settled', () => {
  const [old, young] = ['2026-01-01T00:00:00.000Z', '2026-01-01T01:00:00.000Z'];
  const tally = new Tally(undefined, Date.parse(young));
  tally.read({ status: 'expanded', createdAt: old }, true);
  tally.read({ status: 'expanded', createdAt: young }, true);
  tally.read({ status: 'expanded', createdAt: '2026-01-01T02:00:00.000Z' }, true);
  expect(tally.counts).toEqual({ expanded: 3 });
  expect(tally.closed).toBe(true);
  expect(tally.settled).toEqual({ until: young, counts: { expanded: 1 } });
});
