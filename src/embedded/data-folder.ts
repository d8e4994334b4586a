import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClassicLevel } from 'classic-level';

/** The data folder cannot be used as it is; the message tells the user why. */
export class DataFolderError extends Error {
  override readonly name: string = 'DataFolderError';
}

/** Files of a database in the data folder are cut off, overwritten or gone. */
class DamagedFolderError extends DataFolderError {
  override readonly name = 'DamagedFolderError';

  constructor(folder: string, cause: Error) {
    super(`${folder} is damaged (${cause.message}): move the data folder away or name another, and analyse again`, {
      cause,
    });
  }
}

/**
 * `mkdir -p`, step by step: below a folder that takes none (`/proc`) Node's own recursive mkdir never ends.
 * @throws the file system's error where there is no folder in the end.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (await isFolder(path)) return;
    const parent = dirname(path);
    const parentMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!parentMissing || (await isFolder(parent))) throw error;
    await makeFolder(parent, mode);
    await makeFolder(path, mode);
  }
}

const isFolder = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isDirectory() ?? false;

/**
 * Opens a LevelDB and closes it again: dynalite says of one that does not open that it is closed, where nobody can
 * catch it.
 * @throws DamagedFolderError
 */
export async function checkDatabase(folder: string): Promise<void> {
  const level = new ClassicLevel(folder);
  try {
    await level.open();
  } catch (error) {
    throw damageOf(folder, error) ?? error;
  }
  await level.close();
}

/** What LevelDB says of a damaged database, for the user; null of any other error. */
export function damageOf(folder: string, error: unknown): DamagedFolderError | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'LEVEL_CORRUPTION') return new DamagedFolderError(folder, at);
  }
  return null;
}
