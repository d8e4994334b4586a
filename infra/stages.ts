import type { Config } from './config.ts';

/** A stage's time and delivery limits; visibility is six times the timeout, as Lambda asks of an SQS source. */
export interface StageLimits {
  readonly timeoutSeconds: number;
  readonly visibilitySeconds: number;
  readonly maxReceiveCount: number;
  readonly leaseSeconds: number;
}

/** A lease outlives the function that took it, so that nobody else works on the run while it may still live. */
const limits = (timeoutSeconds: number, maxReceiveCount = 5): StageLimits => ({
  timeoutSeconds,
  visibilitySeconds: 6 * timeoutSeconds,
  maxReceiveCount,
  leaseSeconds: timeoutSeconds + 30,
});

/**
 * Ingest reads up to 2 GiB of zip at about 50 MB/s and decodes five slices: 2 minutes, given 5. Detect runs two small
 * networks on five slices: 2 s warm, 10 s cold, given 1 minute. Analyze on CPU runs ten networks: 10 s, given 3
 * minutes; a GPU worker beats its messages' visibility and needs a short one.
 */
export const STAGE_LIMITS = {
  ingest: limits(300),
  detect: limits(60),
  analyzeOnCpu: limits(180),
  submit: limits(30),
  webhook: limits(30, 12),
} as const;

export const WORKER_VISIBILITY_SECONDS = 120;

export function analyzeLimits(config: Config): StageLimits {
  switch (config.analyze.backend) {
    case 'lambda-cpu':
      return STAGE_LIMITS.analyzeOnCpu;
    case 'sagemaker-async':
      return STAGE_LIMITS.submit;
    case 'ecs-gpu':
      return { ...limits(180), visibilitySeconds: WORKER_VISIBILITY_SECONDS };
  }
}
