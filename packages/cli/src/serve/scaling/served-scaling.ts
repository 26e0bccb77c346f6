import type { ListenOptions, ScalingCandidate } from '@kwik/session';
import type { ServerDirectory } from '@kwik/wire';
import { reportError, usageError } from '../../errors.js';
import type { ServeLog } from '../serve-log.js';
import { ScalingFile } from './scaling-file.js';

export interface ScalingFlags {
  /** Servers with copies of the files, taken on while a client wants more than comes. */
  readonly scaleServer: readonly ScalingCandidate[];
  /** Those that discovery finds as well, in place of so many for each session. */
  readonly scaleDiscovered: boolean;
  /** Paths of a session at the most. */
  readonly scalePaths: number;
  /** Where it is kept what hours needed, and what was spent. */
  readonly scalingHistory?: string;
}

/** Throws a usage error for options that do not go together. */
export function checkScaling(
  directory: string | undefined,
  options: ScalingFlags & { readonly workers: number; readonly service?: string },
): void {
  const { scaleDiscovered, scalingHistory, workers, service } = options;
  if (!scales(options)) {
    if (scalingHistory === undefined) return;
    throw usageError('--scaling-history takes servers to scale to: --scale-server HOST:PORT, or --scale-discovered');
  }
  if (directory === undefined)
    throw usageError('nothing to scale: other servers are taken on for files, so name a folder');
  if (scaleDiscovered && service === undefined) {
    throw usageError('--scale-discovered takes --discover SOURCE and --service NAME: whose servers are taken on');
  }
  if (scalingHistory !== undefined && workers > 1) {
    throw usageError('--scaling-history is written by one process; leave out --workers');
  }
}

/** Whether further servers are taken on as clients want them. */
function scales({ scaleServer, scaleDiscovered }: ScalingFlags): boolean {
  return scaleServer.length > 0 || scaleDiscovered;
}

/** How `kwik serve` takes on further servers, and gives them back. */
export class ServedScaling {
  /** For `listen`. */
  readonly options: Pick<ListenOptions, 'scaling'>;
  readonly #file: ScalingFile | undefined;
  /** Of this server, which is no candidate of its own. */
  readonly #own: string[];
  readonly #log: ServeLog;

  private constructor(
    options: Pick<ListenOptions, 'scaling'>,
    { file, own, log }: { readonly file?: ScalingFile | undefined; readonly own: string[]; readonly log: ServeLog },
  ) {
    this.options = options;
    this.#file = file;
    this.#own = own;
    this.#log = log;
  }

  /** `found`: where discovery finds servers of the service. Rejects as `ScalingFile.open` does, and with a usage error. */
  static async open(
    flags: ScalingFlags,
    found: { readonly directory: ServerDirectory } | undefined,
    log: ServeLog,
  ): Promise<ServedScaling> {
    const own: string[] = [];
    if (!scales(flags)) return new ServedScaling({}, { own, log });
    const { scaleServer, scaleDiscovered, scalePaths, scalingHistory } = flags;
    if (scaleDiscovered && found === undefined) {
      throw usageError('--scale-discovered takes --discover SOURCE: where servers are found');
    }
    const file =
      scalingHistory === undefined
        ? undefined
        : await ScalingFile.open(scalingHistory, (error) => log.scalingNotKept(reportError(error)));
    const scaling: ListenOptions['scaling'] = {
      candidates: scaleServer,
      maxPaths: scalePaths,
      onDecision: (event) => log.scaled(event),
      ...(scaleDiscovered && found !== undefined && { directory: found.directory, query: { exclude: own } }),
      ...(file !== undefined && { history: file.history, onSpending: (spending) => file.spent(spending) }),
      ...(file?.spending !== undefined && { spending: file.spending }),
    };
    return new ServedScaling({ scaling }, { file, own, log });
  }

  /** It listens: under these addresses others may find this very server. */
  begin(own: readonly string[]): void {
    this.#own.push(...own);
    if (this.#file !== undefined) this.#log.scalingKnown(this.#file.hours, this.#file.spending);
  }

  /** Resolves when all is written. */
  async close(): Promise<void> {
    await this.#file?.close();
  }
}
