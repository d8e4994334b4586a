import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PackFiles, sha256Hex } from '../packs/verify.ts';

/** A place where packs lie. `find` gives the pack whose manifest.json has the hash, or null. */
export interface PackSource {
  find(sha256: string): Promise<PackFiles | null>;
}

/** The files of one pack folder. */
export function packFolder(folder: string): PackFiles {
  return { read: (name) => readFile(join(folder, name)) };
}

/** SHA-256 of a folder's manifest.json, unverified; null where there is none. */
export async function packHash(folder: string): Promise<string | null> {
  try {
    return sha256Hex(await readFile(join(folder, 'manifest.json')));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Pack folders, and folders that hold pack folders. */
export function folderSource(folders: readonly string[]): PackSource {
  return {
    async find(sha256) {
      for (const folder of folders) {
        for (const candidate of [folder, ...(await subfolders(folder))]) {
          if ((await packHash(candidate)) === sha256) return packFolder(candidate);
        }
      }
      return null;
    },
  };
}

async function subfolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
