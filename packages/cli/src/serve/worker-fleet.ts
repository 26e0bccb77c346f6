import {
  startWorkers,
  workerSeat,
  type ListenerStats,
  type WorkerEvent,
  type WorkerFleet,
  type WorkerSeat,
} from '@kwik/session';
import { formatHostPort, parseHostPort } from '../address.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { checkAnnounce, LOAD_EVERY_MS, prepareAnnouncing, type Load } from './announce.js';
import { FleetParts } from './fleet-parts.js';
import type { FleetWord } from './worker-parts.js';
import { Health } from '../watching/watching.js';
import { capabilitiesOf, MAX_SESSIONS, runServe, stopRequest, type ServeOptions } from './serve.js';
import { checkScaling } from './scaling/served-scaling.js';
import { ServeLog } from './serve-log.js';
import { checkTakeover, drainSeconds } from './takeover/takeover.js';

/** What each worker is told. */
interface Payload {
  readonly directory: string | undefined;
  readonly options: ServeOptions;
  readonly isShown: boolean;
  readonly isAudited: boolean;
}

/** `kwik serve --workers N`: processes that share the address. SIGHUP has new ones take the place of those there. */
export async function runWorkers(directory: string | undefined, options: ServeOptions, io: CliIo): Promise<ExitCode> {
  checkAnnounce(options);
  checkTakeover(options);
  checkScaling(directory, options);
  const announce = await prepareAnnouncing(options, io);
  const log = new ServeLog(io, options.json);
  const stopped = stopRequest(io, options.untilStdinEnds);
  let restart = (): void => undefined;
  // Before there is anything to restart the signal must not end the process.
  const release = io.onHangup(() => restart());
  const health = new Health();
  health.problem('the workers are starting');
  const parts = await FleetParts.open(options, { io, health, say: (event, line) => log.say(event, line) });
  let signal: string;
  try {
    const words = new FleetWords();
    const onStarted = (started: WorkerFleet, worker: number): void => words.tell(started, worker);
    const fleet = await startFleet({ directory, options, io, log, parts, onStarted });
    health.problem(undefined);
    restart = () => {
      fleet.restart().then(
        () => log.restarted(fleet.workers().length),
        (error: unknown) => log.notRestarted(error),
      );
    };
    const load = new FleetLoad(fleet, io);
    // All are one server to others, and this process speaks for them.
    const address = addressOf(fleet);
    const announcing = announce({
      address,
      capabilities: capabilitiesOf(directory, options),
      io,
      log,
      load: () => load.latest,
      onDrain: (isDraining) => words.tellAll(fleet, { serve: 'fleet-drain', isDraining }),
      onHealth: (ofAll) => words.tellAll(fleet, { serve: 'fleet-health', health: ofAll }),
    });
    try {
      signal = await Promise.race([stopped, announcing.then(() => stopped)]);
      if (options.drain !== undefined) log.stopping(options.drain);
    } finally {
      health.problem('the server is stopping');
      load.stop();
      // Nobody is sent here any more, while those who are here are told.
      await Promise.all([
        announcing.then((one) => one.close()).catch(() => undefined),
        fleet.close({ timeoutMs: 1000 * drainSeconds(options) }),
      ]);
    }
  } finally {
    release();
    await parts.close();
  }
  log.stopped(signal);
  return EXIT.ok;
}

/** What all workers are told, those that come later, too: of each kind the last. */
class FleetWords {
  readonly #words = new Map<FleetWord['serve'], FleetWord>();

  tellAll(fleet: WorkerFleet, word: FleetWord): void {
    this.#words.set(word.serve, word);
    for (const { worker } of fleet.workers()) fleet.send(worker, word);
  }

  tell(fleet: WorkerFleet, worker: number): void {
    for (const word of this.#words.values()) fleet.send(worker, word);
  }
}

interface StartNeeds {
  readonly directory: string | undefined;
  readonly options: ServeOptions;
  readonly io: CliIo;
  readonly log: ServeLog;
  readonly parts: FleetParts;
  /** One that takes the place of another. */
  readonly onStarted: (fleet: WorkerFleet, worker: number) => void;
}

async function startFleet({ directory, options, io, log, parts, onStarted }: StartNeeds): Promise<WorkerFleet> {
  const { port } = parseHostPort(options.listen, { allowZero: true });
  // The first line says where the server listens.
  let early: WorkerEvent[] | undefined = [];
  const fleet = await startWorkers({
    count: options.workers,
    script: io.self.at(-1) ?? '',
    args: ['serve', '--as-worker'],
    port,
    ...(options.drain !== undefined && { drainMs: 1000 * options.drain }),
    payload: payloadOf(directory, options),
    onEvent: (event) => {
      parts.onEvent(event);
      if (early !== undefined) {
        early.push(event);
        return;
      }
      log.worker(event);
      if (event.kind === 'started') onStarted(fleet, event.worker);
    },
    onMessage: (worker, message) => parts.onMessage(worker, message),
  });
  log.listening(addressOf(fleet), directory);
  parts.attach(fleet);
  for (const event of early) log.worker(event);
  early = undefined;
  return fleet;
}

function addressOf({ address: { address, port } }: WorkerFleet): string {
  return formatHostPort({ host: address, port });
}

/** What is for the process that speaks for all of them is none of theirs. */
function payloadOf(directory: string | undefined, options: ServeOptions): Payload {
  const { admin, history: _history, audit, ...own } = options;
  return {
    directory,
    options: { ...own, announce: [], untilStdinEnds: false },
    isShown: admin !== undefined,
    isAudited: audit !== undefined,
  };
}

/** Of all workers together, as of the last look. */
class FleetLoad {
  latest: Load = { share: 0, sessions: 0 };
  readonly stop: () => void;

  constructor(fleet: WorkerFleet, io: Pick<CliIo, 'every'>) {
    this.stop = io.every(LOAD_EVERY_MS, () => {
      void fleet.stats().then((all) => {
        const sessions = all.reduce((sum, { stats }) => sum + (stats as ListenerStats).sessions, 0);
        this.latest = { share: sessions / (MAX_SESSIONS * Math.max(1, all.length)), sessions };
      });
    });
  }
}

/** One of them. */
export async function runAsWorker(io: CliIo): Promise<ExitCode> {
  const seat: WorkerSeat = await workerSeat();
  const { directory, options, isShown, isAudited } = seat.payload as Payload;
  return runServe(directory, options, io, { seat, isShown, isAudited });
}
