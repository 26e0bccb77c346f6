import {
  startWorkers,
  workerSeat,
  type ListenerStats,
  type WorkerEvent,
  type WorkerFleet,
  type WorkerSeat,
} from '@kwik/session';
import { formatHostPort, parseHostPort } from '../address.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { checkAnnounce, LOAD_EVERY_MS, prepareAnnouncing } from './announce.js';
import { capabilitiesOf, MAX_SESSIONS, runServe, stopRequest, type ServeOptions } from './serve.js';
import { ServeLog } from './serve-log.js';

/** What each worker is told. */
interface Payload {
  readonly directory: string | undefined;
  readonly options: ServeOptions;
}

/** What there can be only one of. */
const SINGLE = ['admin', 'audit'] as const;

/** `kwik serve --workers N`: processes that share the address. SIGHUP has new ones take the place of those there. */
export async function runWorkers(directory: string | undefined, options: ServeOptions, io: CliIo): Promise<ExitCode> {
  for (const name of SINGLE) {
    if (options[name] !== undefined) throw usageError(`--${name} is for one process, and goes with --workers 1 only`);
  }
  checkAnnounce(options);
  const announce = await prepareAnnouncing(options, io);
  const log = new ServeLog(io, options.json);
  const stopped = stopRequest(io, options.untilStdinEnds);
  let restart = (): void => undefined;
  // Before there is anything to restart the signal must not end the process.
  const release = io.onHangup(() => restart());
  const { port } = parseHostPort(options.listen, { allowZero: true });
  const script = io.self.at(-1) ?? '';
  // The first line says where the server listens.
  let early: WorkerEvent[] | undefined = [];
  const fleet = await startWorkers({
    count: options.workers,
    script,
    args: ['serve', '--as-worker'],
    port,
    payload: { directory, options: forWorkers(options) } satisfies Payload,
    onEvent: (event) => {
      if (early === undefined) log.worker(event);
      else early.push(event);
    },
  });
  const address = formatHostPort({ host: fleet.address.address, port: fleet.address.port });
  log.listening(address, directory);
  for (const event of early) log.worker(event);
  early = undefined;
  restart = () => {
    fleet.restart().then(
      () => log.restarted(fleet.workers().length),
      (error: unknown) => log.notRestarted(error),
    );
  };
  const load = new FleetLoad(fleet, io);
  // All are one server to others, and this process speaks for them.
  const announcing = announce({ address, capabilities: capabilitiesOf(directory), io, log, load: () => load.share });
  let signal: string;
  try {
    signal = await Promise.race([stopped, announcing.then(() => stopped)]);
  } finally {
    release();
    load.stop();
    // Nobody is sent here any more, while those who are here are told.
    await Promise.all([announcing.then((one) => one.close()).catch(() => undefined), fleet.close({ timeoutMs: 0 })]);
  }
  log.stopped(signal);
  return EXIT.ok;
}

/** What is for the process that speaks for all of them is none of theirs. */
function forWorkers(options: ServeOptions): ServeOptions {
  return { ...options, announce: [], untilStdinEnds: false };
}

/** How much of what all workers together can take is taken, 0 to 1, as of the last look. */
class FleetLoad {
  share = 0;
  readonly stop: () => void;

  constructor(fleet: WorkerFleet, io: Pick<CliIo, 'every'>) {
    this.stop = io.every(LOAD_EVERY_MS, () => {
      void fleet.stats().then((all) => {
        const sessions = all.reduce((sum, { stats }) => sum + (stats as ListenerStats).sessions, 0);
        this.share = sessions / (MAX_SESSIONS * Math.max(1, all.length));
      });
    });
  }
}

/** One of them. */
export async function runAsWorker(io: CliIo): Promise<ExitCode> {
  const seat: WorkerSeat = await workerSeat();
  const { directory, options } = seat.payload as Payload;
  return runServe(directory, options, io, seat);
}
