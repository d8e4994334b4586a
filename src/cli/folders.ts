import { isAbsolute, join } from 'node:path';
import { InvalidArgumentError } from 'commander';

/** Reads an option that names a folder. An empty one is a variable that was not set: it would mean the working folder. */
export const folderName = (value: string): string => {
  if (value === '') throw new InvalidArgumentError('the name of a folder.');
  return value;
};

/**
 * The user's own cache folder of discflow. An empty or relative `XDG_CACHE_HOME` counts as not set, as the XDG Base Directory
 * Specification says: data of patients would come to lie wherever the command is called.
 */
export function cacheFolder(set: string | undefined, home: string): string {
  return join(set !== undefined && isAbsolute(set) ? set : join(home, '.cache'), 'discflow');
}
