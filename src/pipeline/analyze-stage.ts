import { z } from 'zod';
import { type Detection, detectionSchema } from '../contracts/detection.ts';
import type { RunItem } from '../contracts/items.ts';
import { keys, RUN_FILES } from '../contracts/keys.ts';
import type { AnalyzeMessage } from '../contracts/messages.ts';
import type { RunRecord } from '../contracts/report.ts';
import { paintGround } from '../reporting/overlay.ts';
import { analyzeDiscs } from './analyze-discs.ts';
import { type StageDeps, withClaimedRun } from './claimed-run.ts';
import { loadStudy } from './detect-stage.ts';
import { finishRun } from './finish.ts';
import type { Engine } from './ports.ts';

export interface AnalyzeDeps extends StageDeps {
  readonly engine: Engine;
  readonly host: RunRecord['host'];
}

const timingsSchema = z.record(z.string(), z.number());

/** One analyze message, delivered at least once: classifies and segments the crops, measures, writes the result. */
export async function analyzeRun(deps: AnalyzeDeps, message: AnalyzeMessage): Promise<void> {
  await withClaimedRun(deps, 'analyze', message, async (item) => {
    const { tenant, studyKey, runKey } = message;
    const startedMs = deps.clock.nowMs();
    const read = async (name: string): Promise<Buffer> => {
      const bytes = await deps.data.get(keys.run(tenant, studyKey, runKey, name));
      if (bytes === null) throw new Error(`the stored ${name} is missing`);
      return bytes;
    };
    const pack = await deps.engine.pack(message.packSha256);
    const [study, detection, upright, timings] = await Promise.all([
      loadStudy(deps.data, message),
      read(RUN_FILES.detection).then((bytes): Detection => detectionSchema.parse(JSON.parse(bytes.toString('utf8')))),
      read(RUN_FILES.slice).then((png) => deps.pictures.decodePngGrey(png)),
      read(RUN_FILES.detectTimings).then((bytes) => timingsSchema.parse(JSON.parse(bytes.toString('utf8')))),
    ]);
    const names = Object.values(detection.cropFiles);
    const crops = new Map(await Promise.all(names.map(async (name) => [name, await read(name)] as const)));
    const { report, mask, ground, networksMs } = await analyzeDiscs(
      { study, detection, upright, crops, tenant, runKey },
      pack,
      message.tier,
      (mask) => paintGround(upright, mask, detection.discs.length),
    );
    const finishedMs = deps.clock.nowMs();
    const record: RunRecord = {
      schema: 'discflow.run/1',
      runKey,
      attempt: message.attempt,
      traceId: message.traceId,
      ...(item.clientReference === null ? {} : { clientReference: item.clientReference }),
      provider: pack.provider,
      host: deps.host,
      timings: {
        detectMs: detectMs(item),
        analyzeMs: finishedMs - startedMs,
        networksMs: { ...timings, ...networksMs },
      },
      finishedAt: new Date(finishedMs).toISOString(),
    };
    await finishRun(deps, item, 'analyze', {
      ...{ report, record, mask },
      ground: ground ?? paintGround(upright, mask, report.discs.length),
    });
  });
}

function detectMs(item: RunItem): number {
  const record = item.stages.find(({ stage }) => stage === 'detect');
  if (record === undefined || record.endedAt === null) return 0;
  return Date.parse(record.endedAt) - Date.parse(record.startedAt);
}
