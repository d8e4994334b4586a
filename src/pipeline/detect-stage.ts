import { keys, RUN_FILES } from '../contracts/keys.ts';
import type { DetectMessage } from '../contracts/messages.ts';
import { type Study, studySchema } from '../contracts/study.ts';
import type { Grey16 } from '../imaging/image.ts';
import { paintGround } from '../reporting/overlay.ts';
import { rejectedReport } from '../reporting/rejected.ts';
import { type StageDeps, withClaimedRun } from './claimed-run.ts';
import { detectSlices } from './detect-slices.ts';
import { finishRun } from './finish.ts';
import { lossesAmong } from './losses.ts';
import type { AnalyzeQueue, Engine, ObjectStore } from './ports.ts';
import { decodeSlice } from './slices.ts';

export interface DetectDeps extends StageDeps {
  readonly engine: Engine;
  readonly analyzeQueue: AnalyzeQueue;
}

/** One detect message, delivered at least once: chooses the slice, finds region and discs, hands crops on. */
export async function detectRun(deps: DetectDeps, message: DetectMessage): Promise<void> {
  await withClaimedRun(deps, 'detect', message, async (item) => {
    const { tenant, studyKey, runKey } = message;
    const pack = await deps.engine.pack(message.packSha256);
    const study = await loadStudy(deps.data, message);
    const slices = await loadSlices(deps.data, study);
    const { detection, upright, crops, networksMs, refused } = await detectSlices({ study, slices }, pack);
    if (refused.length > 0) {
      const report = rejectedReport({
        status: 'rejected',
        reasons: [...refused, ...lossesAmong(study.flags)],
        tenant,
        study,
        runKey,
        detection,
        models: { pack: pack.manifest.name, version: pack.manifest.version, sha256: pack.sha256, tier: message.tier },
      });
      await finishRun(deps, item, 'detect', {
        report,
        record: null,
        ground: paintGround(upright, null, report.discs.length),
        mask: null,
      });
      return;
    }
    const put = (name: string, body: Uint8Array, contentType: string) =>
      deps.data.put(keys.run(tenant, studyKey, runKey, name), body, { contentType });
    const json = (value: unknown) => Buffer.from(JSON.stringify(value));
    // The others are written while the slice is compressed.
    await Promise.all([
      deps.pictures.pngGrey(upright).then((png) => put(RUN_FILES.slice, png, 'image/png')),
      put(RUN_FILES.detectTimings, json(networksMs), 'application/json'),
      ...[...crops].map(([name, body]) => put(name, body, 'application/octet-stream')),
    ]);
    await put(RUN_FILES.detection, json(detection), 'application/json');
    await deps.analyzeQueue.send({ ...message, schema: 'discflow.analyze/1' });
    await deps.runs.advanceRun(item, { status: 'detected', reasons: [], stage: 'detect' }, deps.clock.nowMs());
  });
}

/** @throws Error where the stored study is missing or does not follow its schema: our own output is broken. */
export async function loadStudy(
  data: ObjectStore,
  at: { tenant: string; studyKey: string; contentHash: string },
): Promise<Study> {
  const bytes = await data.get(keys.content(at.tenant, at.studyKey, at.contentHash, 'study.json'));
  if (bytes === null) throw new Error('the stored study is missing');
  return studySchema.parse(JSON.parse(bytes.toString('utf8')));
}

async function loadSlices(data: ObjectStore, study: Study): Promise<Grey16[]> {
  return Promise.all(
    study.slices.map(async (slice) => {
      const bytes = await data.get(keys.content(study.tenant, study.studyKey, study.contentHash, slice.file));
      if (bytes === null) throw new Error('a stored slice is missing');
      return decodeSlice(bytes, slice);
    }),
  );
}
