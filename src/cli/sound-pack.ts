import { ModelUnavailable } from '../contracts/reasons.ts';
import { packFolder, packHash } from '../inference/pack-source.ts';
import { verifyPack } from '../packs/verify.ts';
import { UsageError } from './plan.ts';

/**
 * SHA-256 of a pack's manifest.json, after schema and every file's size and hash were checked: before any work, so that a
 * broken pack is told as such and not as the end of every study. Throws `UsageError`.
 */
export async function soundPack(folder: string): Promise<string> {
  if ((await packHash(folder)) === null) throw new UsageError(`${folder} holds no model pack (manifest.json)`);
  try {
    return (await verifyPack(packFolder(folder))).sha256;
  } catch (error) {
    if (!(error instanceof ModelUnavailable)) throw error;
    throw new UsageError(`${folder} is no sound pack: ${error.message}`, { cause: error });
  }
}
