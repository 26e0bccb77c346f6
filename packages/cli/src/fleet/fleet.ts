import { userInfo } from 'node:os';
import type { DrainMark } from '@kwik/discovery/etcd';
import type { ServiceDirectory } from '@kwik/discovery';
import { checkStandby, type StandbyCheck } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { pause } from '../abortable.js';
import { openDiscovery, type DiscoverFlags } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { readFleetKeys } from '../serve/takeover/fleet-keys.js';
import { firstAnswers } from '../servers/servers.js';
import { surveyOf, type Survey, type SurveyedServer } from '../servers/survey.js';
import { jsonLine, oneLine } from '../ui/text.js';
import { capacityOf } from './capacity.js';
import { FleetMarks } from './fleet-marks.js';
import { knock } from './knock.js';
import { capacityLines, statusLines, type FleetServer } from './fleet-view.js';

export interface FleetOptions extends DiscoverFlags {
  readonly json: boolean;
}

export interface StatusOptions extends FleetOptions {
  /** Files, one key in each. */
  readonly fleetKey: readonly string[];
}

export interface DrainOptions extends FleetOptions {
  readonly reason: string;
  /** Seconds until the server is to have obeyed; and, with `wait`, until its last session is to have ended. */
  readonly timeout: number;
  readonly wait?: number;
  readonly force: boolean;
}

export interface CapacityOptions extends FleetOptions {
  /** Per cent. */
  readonly target: number;
  readonly keep: number;
}

/** Whoever changes a fleet would rather wait than be told that a slow etcd does not answer, which says so itself after 5 s. */
const FIRST_ANSWERS_MS = 10_000;
const LOOK_EVERY_MS = 100;
/** As many as a survey shows. */
const MAX_SERVERS = 64;

/** `kwik fleet status`. 3: no server takes clients. */
export async function runStatus(service: string, options: StatusOptions, io: CliIo): Promise<ExitCode> {
  const fleetKeys = await readFleetKeys(options.fleetKey);
  return withFleet(service, options, io, async ({ survey, marks }) => {
    const [found, set] = [survey(), await marks.all()];
    const servers = await Promise.all(
      found.servers.map(async (server): Promise<FleetServer> => {
        const answersMs = (await knock(server.addresses[0] ?? '')) ?? null;
        const takeover = answersMs === null ? null : await takeoverAt(server, fleetKeys);
        return { ...server, answersMs, drain: set.get(server.server) ?? null, takeover };
      }),
    );
    const known = new Set(servers.map(({ server }) => server));
    const absent = [...set.keys()].filter((server) => !known.has(server));
    if (options.json) io.stdout.print(`${jsonLine({ ...found, servers, drainsOfAbsent: absent })}\n`);
    else io.stdout.print(`${statusLines(found, servers, absent).join('\n')}\n`);
    return servers.some(({ accepting }) => accepting) ? EXIT.ok : EXIT.notFound;
  });
}

/** Null where there is no key to ask by. */
async function takeoverAt(
  { addresses, serverName }: SurveyedServer,
  fleetKeys: readonly Uint8Array[],
): Promise<StandbyCheck | null> {
  const [address] = addresses;
  if (address === undefined || fleetKeys.length === 0) return null;
  return checkStandby({ address, ...(serverName !== null && { serverName }) }, { fleetKeys });
}

/** `kwik fleet capacity`. 1: there is more to carry than the target allows. */
export function runCapacity(service: string, options: CapacityOptions, io: CliIo): Promise<ExitCode> {
  const { target, keep } = options;
  if (target < 1 || target > 100) throw usageError(`--target ${target}: it takes per cent, from 1 to 100`);
  return withFleet(service, options, io, ({ survey, requireSources }) => {
    const found = survey();
    if (found.servers.length === 0) requireSources();
    const capacity = capacityOf(found.servers, { target: target / 100, keep });
    if (options.json) io.stdout.print(`${jsonLine({ service, at: found.at, ...capacity })}\n`);
    else io.stdout.print(`${capacityLines(found, capacity, target).join('\n')}\n`);
    if (capacity.used === null) return Promise.resolve(EXIT.notFound);
    return Promise.resolve(capacity.missing === 0 ? EXIT.ok : EXIT.failed);
  });
}

/** `kwik fleet drain`. 1: the server did not obey, has sessions yet, or was undrained; 3: there is no such server. */
export function runDrain(service: string, server: string, options: DrainOptions, io: CliIo): Promise<ExitCode> {
  return withFleet(service, options, io, async (fleet) => {
    const { find, marks, say } = fleet;
    const known = find(server);
    if (known === undefined) return notThere(server, fleet);
    const mayBeLast = options.force || !known.accepting;
    if (!mayBeLast && (await isLast(known, fleet))) return lastOne(server, fleet);
    const { username: by } = userInfo();
    const mark = { atMs: Date.now(), by: by.slice(0, 256), reason: options.reason.slice(0, 256) };
    const before = await marks.set(known.server, mark);
    // Of two who drain the last two at once neither may have seen the other's mark before.
    if (!mayBeLast && before === undefined && (await isLast(known, fleet))) {
      await marks.clear(known.server);
      return lastOne(server, fleet);
    }
    say(
      { event: 'marked', server: known.server, ...(before !== undefined && { before }) },
      `${known.server} is to drain${before === undefined ? '' : `; it was marked before${byWhom(before)}`}`,
    );
    const obeyed = await fleet.until(() => find(server)?.accepting !== true, options.timeout);
    if (!obeyed) {
      fleet.requireSources();
      const words = `${server} takes clients yet: does it run, and announce itself in the same etcd?`;
      say({ event: 'not-obeyed', server }, `${words} The mark stays, and holds when it comes back`);
      return EXIT.failed;
    }
    say({ event: 'draining', server }, `${server} drains: nobody new comes, and paths to it go to other servers`);
    if (options.wait === undefined) return EXIT.ok;
    return waitUntilEmpty(known, options.wait, fleet);
  });
}

/** Until it says that it has no session, is gone, or somebody undrains it. */
async function waitUntilEmpty(known: FoundServer, seconds: number, fleet: Fleet): Promise<ExitCode> {
  const { find, say } = fleet;
  const { server } = known;
  await fleet.until(() => {
    const now = find(server);
    return now === undefined || now.accepting || now.sessions === 0;
  }, seconds);
  const now = find(server);
  if (now === undefined) {
    // One that has lost its etcd may serve on, and one that does not answer has no sessions.
    const answers = (await knock(known.address)) !== undefined;
    const words = answers
      ? 'is not announced any more, and answers: nobody knows how many sessions it has'
      : 'is gone, and does not answer';
    say({ event: 'gone', server, answers }, `${server} ${words}`);
    return answers ? EXIT.failed : EXIT.ok;
  }
  if (now.accepting) {
    say({ event: 'undrained', server }, `${server} takes clients again: somebody has undrained it`);
    return EXIT.failed;
  }
  if (now.sessions === 0) {
    say({ event: 'drained', server }, `${server} has no session any more`);
    return EXIT.ok;
  }
  fleet.requireSources();
  const left = now.sessions ?? null;
  say({ event: 'not-drained', server, sessions: left }, `${server} has ${left ?? 'an unknown number of'} sessions yet`);
  return EXIT.failed;
}

/** Whether no other server takes clients, and is to go on with it. */
async function isLast(known: FoundServer, { survey, marks }: Fleet): Promise<boolean> {
  const draining = await marks.all();
  return !survey().servers.some(
    ({ server, accepting }) => accepting && server !== known.server && !draining.has(server),
  );
}

function lastOne(server: string, { say }: Fleet): ExitCode {
  say(
    { event: 'refused', server, reason: 'last' },
    `${server} is the last that takes clients, and is not to drain: --force drains it all the same`,
  );
  return EXIT.failed;
}

function byWhom({ by, reason }: DrainMark): string {
  return `${by === '' ? '' : ` by ${by}`}${reason === '' ? '' : ` (${reason})`}`;
}

/** `kwik fleet undrain`. 3: nobody had it drain. */
export function runUndrain(
  service: string,
  server: string,
  options: Pick<DrainOptions, 'timeout'> & FleetOptions,
  io: CliIo,
): Promise<ExitCode> {
  return withFleet(service, options, io, async (fleet) => {
    const { find, marks, say } = fleet;
    const name = find(server)?.server ?? server;
    if (!(await marks.clear(name))) {
      const marked = [...(await marks.all()).keys()];
      const others = marked.length === 0 ? '' : `; to drain: ${marked.join(', ')}`;
      say({ event: 'not-marked', server: name, marked }, `nobody has ${name} drain${others}`);
      return EXIT.notFound;
    }
    say({ event: 'unmarked', server: name }, `${name} may take clients`);
    // One that is not there takes clients when it comes.
    if (find(name) === undefined) return EXIT.ok;
    const obeyed = await fleet.until(() => find(name)?.accepting !== false, options.timeout);
    if (obeyed) say({ event: 'serving', server: name }, `${name} takes clients again`);
    else {
      fleet.requireSources();
      say({ event: 'not-obeyed', server: name }, `${name} takes no clients yet: does it run?`);
    }
    return obeyed ? EXIT.ok : EXIT.failed;
  });
}

/** Sessions, while it drains and says so. */
type FoundServer = Pick<SurveyedServer, 'server' | 'accepting'> & {
  readonly address: string;
  readonly sessions: number | undefined;
};

interface Fleet {
  readonly survey: () => Survey;
  /** By its id or one of its addresses. */
  readonly find: (server: string) => FoundServer | undefined;
  readonly marks: FleetMarks;
  /** Whether it holds within so many seconds. Rejects with ERR_KWIK_ABORTED at Ctrl-C. */
  readonly until: (holds: () => boolean, seconds: number) => Promise<boolean>;
  /** Throws ERR_KWIK_CONNECT_FAILED where a source fails: what is known of servers is of before, or nothing. */
  readonly requireSources: () => void;
  readonly say: (event: object, line: string) => void;
}

async function withFleet(
  service: string,
  options: FleetOptions,
  io: CliIo,
  work: (fleet: Fleet) => Promise<ExitCode>,
): Promise<ExitCode> {
  const discovery = await openDiscovery(options, io);
  if (discovery === undefined) throw usageError('no source of servers is named: give --discover SOURCE');
  const stopped = new AbortController();
  const release = io.onInterrupt(() => stopped.abort());
  const marks = new FleetMarks(service, options, io);
  try {
    const directory = discovery.service(service);
    await firstAnswers(directory, FIRST_ANSWERS_MS, stopped.signal);
    return await work({
      survey: () => surveyOf(directory, { capabilities: [], count: MAX_SERVERS }, Date.now()),
      find: (server) => foundIn(directory, server),
      marks,
      requireSources: () => requireAnswers(directory),
      until: (holds, seconds) => until(holds, seconds, stopped.signal),
      say: (event, line) => io.stdout.print(options.json ? `${jsonLine(event)}\n` : `${oneLine(line)}\n`),
    });
  } finally {
    release();
    marks.close();
    discovery.close();
  }
}

function foundIn(directory: ServiceDirectory, server: string): FoundServer | undefined {
  const record = directory.find(server);
  if (record === undefined) return undefined;
  const { serverId, addresses, accepting, attributes } = record;
  const sessions = attributes.get('sessions');
  return {
    server: serverId === '' ? (addresses[0] ?? '') : serverId,
    address: addresses[0] ?? '',
    accepting,
    // Whoever announces may write anything there.
    sessions: /^\d{1,9}$/u.test(sessions ?? '') ? Number(sessions) : undefined,
  };
}

async function until(holds: () => boolean, seconds: number, signal: AbortSignal): Promise<boolean> {
  const endMs = performance.now() + seconds * 1000;
  while (!holds()) {
    if (performance.now() >= endMs) return false;
    await pause(LOOK_EVERY_MS, signal);
  }
  return true;
}

function requireAnswers(directory: ServiceDirectory): void {
  const failing = directory.sources.find(({ state, failure }) => state === 'waiting' || failure !== undefined);
  if (failing === undefined) return;
  const why = failing.failure ?? 'it does not answer';
  const text = `what is known of ${directory.service} may be old: the source ${failing.name} fails: ${why}`;
  throw new KwikError('ERR_KWIK_CONNECT_FAILED', text);
}

function notThere(server: string, { survey, say, requireSources }: Fleet): ExitCode {
  requireSources();
  const known = survey().servers.map((one) => one.server);
  say(
    { event: 'unknown', server, known },
    `no server ${server} is known; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ') || 'none'}`,
  );
  return EXIT.notFound;
}
