import { KwikError } from '@kwik/wire';
import { MAX_PATH_CHARACTERS } from '../protocol/messages.js';

/** Names that Windows gives to devices, whatever their extension. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\..*)?$/iu;

/**
 * The segments of a path that a client asked for. Purely lexical, and stricter than any file system: what could mean
 * "elsewhere" on some system is refused on all, and nothing is decoded or normalised, so that a name is either taken as
 * it stands or not at all. (`%2e%2e` is a name of six characters here.)
 */
export function parseServedPath(path: string, platform: NodeJS.Platform = process.platform): readonly string[] {
  if (path.length > MAX_PATH_CHARACTERS) throw forbidden('the path is too long');
  if (path.includes('\0')) throw forbidden('the path holds a NUL');
  if (path.includes('\\')) throw forbidden('the path holds a backslash; folders are separated by /');
  if (path.startsWith('/')) throw forbidden('the path must be relative to the served folder');
  const segments = path.split('/');
  for (const segment of segments) checkSegment(segment, platform);
  return segments;
}

function checkSegment(segment: string, platform: NodeJS.Platform): void {
  if (segment === '') throw forbidden('the path has an empty part');
  if (segment === '.' || segment === '..') throw forbidden(`the path has the part '${segment}'`);
  if (platform !== 'win32') return;
  // "C:" leaves the folder, "name:stream" reads another stream, and trailing dots and blanks are dropped by the system.
  if (/[:<>"|?*]|[. ]$/u.test(segment) || WINDOWS_DEVICE.test(segment)) {
    throw forbidden('the path has a part that is no file name on this system');
  }
}

function forbidden(reason: string): KwikError {
  return new KwikError('ERR_KWIK_PERMISSION_DENIED', reason);
}
