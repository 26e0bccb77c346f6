import { KwikError } from '@kwik/wire';
import { isConnectionFailure } from '../errors.js';
import { count, formatBytes } from '../ui/units.js';

/** What a run has to show for itself when it ends with an error. */
export interface Outcome {
  /** Of unfinished files, bytes that a later run need not fetch again. */
  readonly keptBytes: number;
  /** Files that are there. */
  readonly finished: number;
  /** Whether there were several files to fetch. */
  readonly several: boolean;
  /** Whether files that exist were to be overwritten. */
  readonly force: boolean;
}

/** How to go on after `error`: what is kept, and whether the same command helps. Undefined when there is nothing to say. */
export function adviceFor(error: unknown, outcome: Outcome): string | undefined {
  const { keptBytes, finished, several } = outcome;
  if (several ? finished === 0 && keptBytes === 0 : keptBytes === 0) return undefined;
  const done = several ? `${count(finished, 'file')} done` : `${formatBytes(keptBytes)} are kept`;
  const again = several ? rest(outcome) : 'run the same command again to resume';
  switch (endOf(error)) {
    case 'passing':
      return `${done}; ${again}`;
    case 'local':
      return `${done}; when that is mended, ${again}`;
    case 'final':
      // The same command would end in the same way.
      return done;
  }
}

function rest({ force }: Outcome): string {
  const skip = force ? '--skip-existing instead of --force' : '--skip-existing';
  return `run the same command with ${skip} to get the rest`;
}

/** Whether the reason goes away by itself, is the user's to mend, or lies with the server and the file. */
function endOf(error: unknown): 'passing' | 'local' | 'final' {
  if (isConnectionFailure(error)) return 'passing';
  if (!(error instanceof KwikError)) return 'final';
  switch (error.code) {
    // The second: the server changes the file, or has too much to do.
    case 'ERR_KWIK_ABORTED':
    case 'ERR_KWIK_SOURCE_FAILED':
      return 'passing';
    case 'ERR_KWIK_LOCAL_FILE':
    case 'ERR_KWIK_CREDENTIALS':
    case 'ERR_KWIK_CERTIFICATE':
      return 'local';
    default:
      return 'final';
  }
}
