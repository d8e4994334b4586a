import type { AnalyzeBackend } from './config.ts';

/**
 * What one study is reckoned at by a backfill's budget and by the dashboard, US dollars; `docs/cost.md` tells how the
 * figures come about, a backfill's waiting included, and a test holds these to them.
 */
export const COST_PER_STUDY_USD: Record<AnalyzeBackend, number> = {
  'ecs-gpu': 0.015,
  'sagemaker-async': 0.017,
  'lambda-cpu': 0.0023,
};

/** A worker's hour on demand: a g4dn.xlarge, an ml.g4dn.xlarge, a function of 8,846 MiB; eu-central-1. */
export const COST_PER_WORKER_HOUR_USD: Record<AnalyzeBackend, number> = {
  'ecs-gpu': 0.658,
  'sagemaker-async': 0.921,
  'lambda-cpu': 0.518,
};
