import { createHash } from 'node:crypto';
import { base32, PIPELINE_VERSION, type Tier } from '../contracts/keys.ts';

/** Everything a result depends on, hashed: equal keys mean equal reports. 26 characters of base32 (130 bits). */
export function runKeyOf(run: {
  tenant: string;
  studyKey: string;
  contentHash: string;
  packSha256: string;
  tier: Tier;
}): string {
  const parts = [run.tenant, run.studyKey, run.contentHash, run.packSha256, run.tier, PIPELINE_VERSION];
  return base32(createHash('sha256').update(JSON.stringify(parts)).digest()).slice(0, 26);
}
