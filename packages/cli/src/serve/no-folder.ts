import { KwikError } from '@kwik/wire';
import type { ServedFolder } from './served-folder.js';

/** What requests ask of a folder. */
export type FolderOfFiles = Pick<ServedFolder, 'openFile' | 'resolveInside'>;

/** In place of the folder of a server that was started without one: every request for a file is told so. */
export const NO_FOLDER: FolderOfFiles = { openFile: refuse, resolveInside: refuse };

function refuse(): Promise<never> {
  const text = 'this server serves no files: it was started without a folder';
  return Promise.reject(new KwikError('ERR_KWIK_SOURCE_NOT_FOUND', text));
}
