import { ModelUnavailable } from '../contracts/reasons.ts';
import { checkSessions } from '../inference/engine.ts';
import { packFolder } from '../inference/pack-source.ts';
import { verifyPack } from '../packs/verify.ts';

/** `discflow pack verify`: schema, hashes, single files, then a session of every network; 1 where the pack is broken. */
export async function verifyPackFolder(folder: string): Promise<number> {
  const files = packFolder(folder);
  try {
    const { manifest, sha256 } = await verifyPack(files);
    await checkSessions(files);
    process.stdout.write(`${manifest.name} ${manifest.version}, sha256 ${sha256}\n`);
    for (const { id, role, architecture, bytes } of manifest.members) {
      process.stdout.write(
        `  ${role.padEnd(17)} ${id.padEnd(24)} ${architecture.padEnd(24)} ${(bytes / 1e6).toFixed(1)} MB\n`,
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ModelUnavailable)) throw error;
    process.stderr.write(`discflow: ${folder} is no sound pack: ${error.message}\n`);
    return 1;
  }
}
