import { persistentResetKey } from '@kwik/session';
import type { Listener, ListenOptions, ReplicaContext, ReplicaSource, ServerSession, WorkerSeat } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { formatHostPort, parseHostPort } from '../address.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { Forwards } from '../forward/forwards.js';
import type { CliIo } from '../io.js';
import { decodeContentKey } from '../protocol/content-key.js';
import { Health, Watching, type Say, type WatchFlags } from '../watching/watching.js';
import { checkAnnounce, prepareAnnouncing, type AnnounceFlags, type Announcements, type Load } from './announce.js';
import { DiscoveredPeers, type DiscoveredPeersFlags } from './discovered-peers.js';
import { readAccess } from './access.js';
import { openAudit, type AuditOptions, type ClosableAudit } from '../audit/open-audit.js';
import { readCredentials } from './credentials.js';
import { followCredentials } from './credential-watch.js';
import { FileSource } from './file-source.js';
import { HashCache } from './hash-cache.js';
import { ServeLog } from './serve-log.js';
import { type FolderOfFiles, NO_FOLDER } from './no-folder.js';
import { ownAddresses } from './own-addresses.js';
import { ServedFolder } from './served-folder.js';
import { WorkerParts, type WorkerPlace } from './worker-parts.js';
import { checkScaling, ServedScaling, type ScalingFlags } from './scaling/served-scaling.js';
import { serveSession, type SessionServerOptions } from './session-server.js';
import { ToldHealth } from './told-health.js';
import { DrainedSessions } from './takeover/drained-sessions.js';
import { checkTakeover, drainSeconds, hasStandby, Takeover, type TakeoverFlags } from './takeover/takeover.js';

export interface ServeOptions
  extends AuditOptions,
    AnnounceFlags,
    DiscoveredPeersFlags,
    WatchFlags,
    TakeoverFlags,
    ScalingFlags {
  /** A file with the policy of access. */
  readonly access?: string;
  /** `host:port`; port 0 lets the system choose. */
  readonly listen: string;
  readonly peer: readonly string[];
  readonly audience: readonly string[];
  readonly allowClientServers: boolean;
  /** `host:port` each: where clients may have connections made to, and where they may have this server listen. */
  readonly forwardAllow: readonly string[];
  readonly forwardAllowUdp: readonly string[];
  readonly forwardListen: readonly string[];
  readonly json: boolean;
  /** Processes that share the address. */
  readonly workers: number;
  /** Bytes that peers may make it hold before it lets nobody new in. */
  readonly memory?: number;
  /** Internal: stop when standard input ends, so that a server never outlives the demo that started it. */
  readonly untilStdinEnds: boolean;
}

type Replica = NonNullable<ListenOptions['replica']>;

/** Clients that do not answer any more do not hold up the end. */
const CLOSE_TIMEOUT_MS = 2000;
/** As many as a listener takes unless it is told otherwise; full, its load is 1. */
export const MAX_SESSIONS = 10_000;

/** `kwik serve`: runs until it is told to stop. `place`: as one of several processes. */
export async function runServe(
  directory: string | undefined,
  options: ServeOptions,
  io: CliIo,
  place?: WorkerPlace,
): Promise<ExitCode> {
  const seat = place?.seat;
  checkServes(directory, options);
  const served = directory === undefined ? undefined : await ServedFolder.open(directory);
  const folder = served ?? NO_FOLDER;
  const log = new ServeLog(io, options.json, seat?.worker);
  const announce = await prepareAnnouncing(options, io);
  const found = await DiscoveredPeers.open(options, io, log);
  const health = new Health();
  const parts = await openParts(options, io, { log, folder, place, health, found });
  const { listener } = parts;
  const sessions = new Set<ServerSession>();
  const stopped = stopRequest(io, options.untilStdinEnds);
  const { address, port } = listener.address();
  const at = formatHostPort({ host: address, port });
  // Of several workers the process that started them says where they listen.
  if (seat === undefined) log.listening(at, served?.root);
  parts.watching.announce();
  const own = ownAddresses(at, options);
  beginParts(parts, own, seat);
  const shared = sessionOptions(options, { folder, log, io });
  const told = new ToldHealth(sessions, parts.shared);
  const added = options.scaleDiscovered ? undefined : found;
  const accepting = serveAll(listener, sessions, shared, { told, found: added, addresses: own });
  const unfollow = followCredentials(listener, options, {
    say: (event, line) => log.say(event, line),
    shown: parts.credentials,
  });
  const { drained, hurried } = drainingOf(seat);
  let stoppedBy: string | undefined;
  let finishMs = 1000 * drainSeconds(options);
  const onDrain = whileDrained(options, parts, log);
  const how = { load: () => loadOf(listener), onDrain, onHealth: told.set };
  const announcing = announce({ address: at, capabilities: capabilitiesOf(directory, options), io, log, ...how });
  try {
    // The loop ends by itself only if the listener fails; announcing, if it cannot begin.
    const ended = [stopped, accepting.then(() => 'closed'), announcing.then(() => stopped), drained];
    const signal = await Promise.race(ended);
    health.problem('the server is stopping');
    if (typeof signal === 'number') {
      finishMs = signal;
      return EXIT.ok;
    }
    if (options.drain !== undefined) log.stopping(options.drain);
    stoppedBy = signal;
    return signal === 'closed' ? EXIT.failed : EXIT.ok;
  } finally {
    unfollow();
    onDrain(false);
    found?.[Symbol.dispose]();
    await finish(listener, sessions, { finishMs, hurried, announcing });
    await closeParts(parts);
    if (stoppedBy !== undefined) log.stopped(stoppedBy);
  }
}

/** `own`: addresses of this server, which listens now. */
function beginParts(
  { listener, takeover, scaling }: ServeParts,
  own: readonly string[],
  seat: WorkerSeat | undefined,
): void {
  takeover.begin(own, () => listener.standbyChanged());
  scaling.begin(own);
  if (seat === undefined) takeover.look();
}

/** What is done of it when an operator has the server drain: its sessions go to the standby, if there is one. */
function whileDrained(
  options: ServeOptions,
  { listener, shared }: ServeParts,
  log: ServeLog,
): (isDraining: boolean) => void {
  if (!hasStandby(options)) return () => undefined;
  const drained = new DrainedSessions({ handOver: (how) => listener.handOver(how), log });
  const set = (isDraining: boolean): void => drained.set(isDraining);
  shared?.onFleetDrain(set);
  return set;
}

function loadOf(listener: Listener): Load {
  const { sessions } = listener.stats();
  return { share: sessions / MAX_SESSIONS, sessions };
}

/** When the worker is to finish, within so many milliseconds, and when there is less time than was said. */
function drainingOf(seat: WorkerSeat | undefined): { drained: Promise<number>; hurried: Promise<void> } {
  let hurry = (): void => undefined;
  const hurried = new Promise<void>((resolve) => (hurry = resolve));
  const drained = new Promise<number>((resolve) => {
    let told = false;
    seat?.onDrain((leftMs) => {
      resolve(leftMs);
      // Told again: the whole server stops.
      if (told) hurry();
      told = true;
    });
  });
  return { drained, hurried };
}

/** What others are told that a server of this folder can do. */
export function capabilitiesOf(directory: string | undefined, { fleetKey }: TakeoverFlags): string[] {
  return ['primary', ...(directory === undefined ? [] : ['replica']), ...(fleetKey.length === 0 ? [] : ['takeover'])];
}

function checkServes(directory: string | undefined, options: ServeOptions): void {
  checkAnnounce(options);
  checkTakeover(options);
  checkScaling(directory, options);
  const { forwardAllow, forwardAllowUdp, forwardListen, memory } = options;
  if (memory === 0) throw usageError('--memory 0: a server that may hold nothing serves nobody');
  if (directory !== undefined || forwardAllow.length + forwardAllowUdp.length + forwardListen.length > 0) return;
  throw usageError('nothing to serve: name a folder, or where to forward to with --forward-allow HOST:PORT');
}

/** What is done when a session comes. */
interface Beginnings {
  readonly told: ToldHealth;
  readonly found: DiscoveredPeers | undefined;
  /** Of this server. */
  readonly addresses: readonly string[];
}

/** Resolves when the listener is closed. */
async function serveAll(
  listener: Listener,
  sessions: Set<ServerSession>,
  shared: SessionServerOptions,
  { told, found, addresses }: Beginnings,
): Promise<void> {
  for await (const session of listener) {
    sessions.add(session);
    told.begin(session);
    if (session.role === 'primary') found?.addTo(session, addresses);
    void serveSession(session, shared).finally(() => sessions.delete(session));
  }
}

/** What all sessions are served with. */
function sessionOptions(
  options: ServeOptions,
  { folder, log, io }: { folder: FolderOfFiles; log: ServeLog; io: CliIo },
): SessionServerOptions {
  const { forwardAllow, forwardAllowUdp, forwardListen, allowClientServers, peer } = options;
  const peers = peer.map((one) => formatHostPort(parseHostPort(one)));
  return {
    folder,
    hashes: new HashCache(folder),
    hasStandby: hasStandby(options),
    forwards: new Forwards({
      allow: forwardAllow.map((target) => parseHostPort(target)),
      allowUdp: forwardAllowUdp.map((target) => parseHostPort(target)),
      listen: forwardListen.map((target) => parseHostPort(target, { allowZero: true })),
    }),
    policy: { peers, allowClientServers },
    log,
    now: () => io.now(),
  };
}

interface ServeParts {
  readonly listener: Listener;
  /** That it has begun with. */
  readonly credentials: ListenOptions['credentials'];
  readonly takeover: Takeover;
  readonly watching: Watching;
  readonly audit: ClosableAudit | undefined;
  readonly shared: WorkerParts | undefined;
  readonly scaling: ServedScaling;
}

interface PartsNeeds {
  readonly log: ServeLog;
  readonly folder: FolderOfFiles;
  readonly place: WorkerPlace | undefined;
  readonly health: Health;
  readonly found: DiscoveredPeers | undefined;
}

async function openParts(options: ServeOptions, io: CliIo, needs: PartsNeeds): Promise<ServeParts> {
  const { log, folder, place, health, found } = needs;
  const scaling = await ServedScaling.open(options, found, log);
  const access = options.access === undefined ? undefined : await readAccess(options.access);
  const say: Say = (event, line) => log.say(event, line);
  const shared = place === undefined ? undefined : await WorkerParts.open(place, options, say);
  const audit = shared?.audit ?? (await openAudit(options));
  const guard = { guard: { ...(audit !== undefined && { audit }), ...(access !== undefined && { access }) } };
  const watching = await Watching.open(options, io, say, health);
  const replica: Replica = (key, context) => resolveReplica(key, context, folder, log);
  let takeover: Takeover | undefined;
  try {
    takeover = await Takeover.open(options, { log, io, hasFiles: folder !== NO_FOLDER });
    const worker = place === undefined ? {} : { worker: place.seat };
    const shown = await readCredentials(options);
    const listener = await listenOn(
      { ...options, ...guard, ...worker, ...shown, ...takeover.options, ...scaling.options },
      io,
      log,
      replica,
    );
    return { listener, takeover, credentials: shown.credentials, watching, audit, shared, scaling };
  } catch (error) {
    await closeParts({ watching, audit, shared, scaling, takeover });
    throw error;
  }
}

async function closeParts({
  watching,
  audit,
  shared,
  scaling,
  takeover,
}: Pick<ServeParts, 'watching' | 'audit' | 'shared' | 'scaling'> & {
  readonly takeover: Takeover | undefined;
}): Promise<void> {
  takeover?.[Symbol.dispose]();
  await scaling.close();
  await watching.close();
  await audit?.close().finally(() => shared?.[Symbol.dispose]());
  shared?.[Symbol.dispose]();
}

type ListenParts = Pick<ListenOptions, 'guard' | 'worker' | 'credentials' | 'trust' | 'takeover' | 'scaling'>;

async function listenOn(
  options: ServeOptions & ListenParts,
  io: CliIo,
  log: ServeLog,
  replica: Replica,
): Promise<Listener> {
  const { host, port } = parseHostPort(options.listen, { allowZero: true });
  const audiences = [...options.audience, ...options.announceAddress].map((audience) =>
    formatHostPort(parseHostPort(audience)),
  );
  const resetKey = await persistentResetKey();
  return io.network.listen({
    host,
    port,
    replica,
    overload: {
      ...(options.memory !== undefined && { memoryBytes: options.memory }),
      onChange: (event) => log.overload(event),
    },
    onRefused: (error) => {
      if (error.code === 'ERR_KWIK_LIMIT_EXCEEDED') log.boundMet(error.message);
    },
    ...(options.credentials !== undefined && { credentials: options.credentials }),
    ...(options.trust !== undefined && { trust: options.trust }),
    ...(options.guard !== undefined && { guard: options.guard }),
    ...(options.worker !== undefined && { worker: options.worker }),
    ...(options.takeover !== undefined && { takeover: options.takeover }),
    ...(options.scaling !== undefined && { scaling: options.scaling }),
    identity: {
      audiences,
      ...(resetKey !== undefined && { resetKey }),
      ...(options.serverId !== undefined && { serverId: options.serverId }),
    },
  });
}

/** As a peer: the part of our own copy that the primary's key names, if our copy can be the same file. */
async function resolveReplica(
  key: string,
  context: ReplicaContext,
  folder: FolderOfFiles,
  log: ServeLog,
): Promise<ReplicaSource | undefined> {
  const wanted = decodeContentKey(key);
  if (wanted === undefined) return undefined;
  try {
    const file = await folder.openFile(wanted.path);
    if (file.size === wanted.size)
      return new FileSource(file.handle, file.size, { offset: wanted.offset, owned: true });
    await file.handle.close();
    throw new KwikError(
      'ERR_KWIK_SOURCE_NOT_FOUND',
      `the copy here has ${file.size} bytes, the primary's ${wanted.size}`,
    );
  } catch (error) {
    log.replicaRefused(context.sessionId, wanted.path, error);
    return undefined;
  }
}

export function stopRequest(io: CliIo, untilStdinEnds: boolean): Promise<string> {
  const interrupted = new Promise<string>((resolve) => {
    // Kept to the end: a second Ctrl-C or SIGTERM ends the process at once.
    io.onInterrupt(resolve);
  });
  return untilStdinEnds ? Promise.race([interrupted, io.stdinEnded().then(() => 'stdin ended')]) : interrupted;
}

interface FinishOptions {
  readonly finishMs: number;
  readonly hurried: Promise<void>;
  readonly announcing: Promise<Announcements>;
}

/** Sessions have so long to finish, or to go where they go on, unless there is a hurry; then all that are left end. */
async function finish(
  listener: Listener,
  sessions: ReadonlySet<ServerSession>,
  { finishMs, hurried, announcing }: FinishOptions,
): Promise<void> {
  // Nobody is sent here any more, while those who are here are told.
  const withdrawn = announcing.then((one) => one.close()).catch(() => undefined);
  if (finishMs > 0) await Promise.race([listener.close({ timeoutMs: finishMs }), hurried]);
  await closeAll(listener, sessions);
  await withdrawn;
}

async function closeAll(listener: Listener, sessions: ReadonlySet<ServerSession>): Promise<void> {
  const closing = (async () => {
    await Promise.allSettled([...sessions].map((session) => session.close(0, 'the server is stopping')));
    await listener.close({ force: true });
  })();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  });
  await Promise.race([closing.catch(() => undefined), late]);
  clearTimeout(timer);
}
