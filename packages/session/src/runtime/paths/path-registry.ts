import { isConnected, PathMachine } from '@kwik/paths';
import { KwikError, toPathId, TrafficSums, type Clock, type PathId, type Traffic } from '@kwik/wire';
import type { ServerHealth } from '../../api/paths.js';
import type { PathInfo } from '../../api/session.js';
import type { UserCallbacks } from '../host/user-callbacks.js';

/** Paths that are remembered one by one; of more than these the oldest dead ones are forgotten. */
export const MAX_KNOWN_PATHS = 1024;

/** What stays the same while a path has its connection. */
export type PathIdentity = Pick<PathInfo, 'id' | 'address' | 'primary' | 'via'>;

/** What is measured of a path. */
export type PathFigures = Pick<
  PathInfo,
  | 'rttMs'
  | 'deliveryRateBytesPerSecond'
  | 'sentBytes'
  | 'receivedBytes'
  | 'duplicateBytes'
  | 'lostPackets'
  | 'reinjectedBytes'
  | 'wireSentBytes'
  | 'wireReceivedBytes'
  | 'sentPackets'
  | 'keyPackets'
  | 'renewals'
>;

/** A path that has a connection at this end. */
export interface ConnectedPath extends PathIdentity {
  readonly serverId: string | undefined;
  readonly machine: PathMachine;
  /** Why it is dead. */
  readonly death: KwikError | undefined;
  figures(): PathFigures;
}

/** What the other end tells of a path that it connects. */
export type PathReport = Pick<PathInfo, 'state'> & Partial<Omit<PathInfo, 'id' | 'state' | 'primary'>>;

/** Changes of the paths' state, of which their reasons are part, or these and what servers say of their health. */
export type PathChanges = 'state' | 'state or health';

/** What is known of paths that may be connected no longer. */
export type KnownPaths = Pick<PathRegistry<ConnectedPath>, 'info' | 'machine'>;

interface Known {
  readonly info: PathInfo;
  /** Of a path of this end: when it is connected again, it goes on with its own. */
  readonly machine: PathMachine | undefined;
  /** Its dial waits, and this was the reason of its state before. */
  readonly waits?: { readonly reason: string | undefined };
}

const NOTHING_MEASURED: PathFigures = {
  rttMs: 0,
  deliveryRateBytesPerSecond: 0,
  sentBytes: 0,
  receivedBytes: 0,
  duplicateBytes: 0,
  lostPackets: 0,
};

/**
 * All paths of a session since it began: those that are connected here, those that are being connected, those that the other
 * end tells of, and the dead. Whoever wants to know of changes subscribes here.
 */
export class PathRegistry<P extends ConnectedPath> {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #callbacks: UserCallbacks;
  readonly #connected = new Map<PathId, P>();
  /** In the order in which they were first heard of; of a connected path what was told of it last. */
  readonly #known = new Map<PathId, Known>();
  /** What servers said of themselves, of paths that live. */
  readonly #health = new Map<PathId, ServerHealth>();
  /** Why the dial for another connection of a path that has one has to wait. */
  readonly #heldUp = new Map<PathId, string>();
  /** With what each wants to hear of. */
  readonly #listeners = new Map<(path: PathInfo) => void, PathChanges>();
  /** What connections that are gone have carried. */
  readonly departed = new TrafficSums();
  readonly #whyUnused: (path: P) => string | undefined;
  #silent = false;

  /** @param whyUnused in words, of a connected path; undefined for one that is used */
  constructor(
    clock: Pick<Clock, 'now'>,
    callbacks: UserCallbacks,
    whyUnused: (path: P) => string | undefined = () => undefined,
  ) {
    this.#clock = clock;
    this.#callbacks = callbacks;
    this.#whyUnused = whyUnused;
  }

  // --- The connected ones ---

  get size(): number {
    return this.#connected.size;
  }

  has(id: PathId): boolean {
    return this.#connected.has(id);
  }

  get(id: PathId): P | undefined {
    return this.#connected.get(id);
  }

  values(): IterableIterator<P> {
    return this.#connected.values();
  }

  /** Throws ERR_KWIK_PATH_NOT_FOUND, or ERR_KWIK_PATH_DEAD with the reason (K6.3). */
  require(id: number): P {
    const pathId = toPathId(id);
    const path = this.#connected.get(pathId);
    if (path !== undefined) return path;
    const past = this.#known.get(pathId)?.info;
    if (past === undefined) throw new KwikError('ERR_KWIK_PATH_NOT_FOUND', `the session has no path ${id}`);
    const why = past.reason ?? 'closed';
    throw new KwikError('ERR_KWIK_PATH_DEAD', `path ${id} to ${past.address} is ${past.state}: ${why}`);
  }

  /** The path is connected; one that had its number before is dead. Tells nobody yet. */
  add(path: P): void {
    this.#connected.set(path.id, path);
    this.#keep(this.infoOf(path), path.machine);
  }

  /** The path is dead; what it was is kept. Tells nobody yet. False for one whose number another one has by now. */
  remove(path: P): boolean {
    if (this.#connected.get(path.id) !== path) return false;
    this.#connected.delete(path.id);
    this.#health.delete(path.id);
    const info = this.infoOf(path);
    this.departed.add(path.serverId ?? '', trafficOf(info));
    this.#keep(info, path.machine);
    return true;
  }

  // --- The others ---

  /** A path of this end is being connected, for the first time or again. Told at once. */
  connecting(path: PathIdentity): void {
    const machine = this.machine(path.id) ?? new PathMachine(this.#clock.now());
    if (machine.state === 'dead') machine.recover(this.#clock.now());
    this.#record(path, { state: machine.state }, machine);
    const why = this.#heldUp.get(path.id);
    this.#heldUp.delete(path.id);
    if (why !== undefined) this.waits(path.id, why);
  }

  /** The connection of a path of this end came to nothing. Told at once. */
  connectFailed(path: PathIdentity, { code, message }: KwikError): void {
    const machine = this.machine(path.id) ?? new PathMachine(this.#clock.now());
    if (machine.canBecome('dead')) machine.die(this.#clock.now(), message);
    this.#record(path, { state: machine.state, reason: message, errorCode: code }, machine);
  }

  /**
   * The dial for a path that is being connected has to wait, and why, in words; undefined: not any more. Told at once; of one that has a
   * connection yet, when it is being connected.
   */
  waits(id: PathId, why: string | undefined): void {
    const known = this.#known.get(id);
    if (known !== undefined && this.#connected.has(id) && why !== undefined) this.#heldUp.set(id, why);
    else this.#heldUp.delete(id);
    if (known === undefined || this.#connected.has(id)) return;
    const { reason: now, ...info } = known.info;
    const before = known.waits === undefined ? now : known.waits.reason;
    const reason = [before, why].filter((one) => one !== undefined).join('; ');
    const waits = why === undefined ? {} : { waits: { reason: before } };
    this.#known.set(id, { info: { ...info, ...(reason !== '' && { reason }) }, machine: known.machine, ...waits });
    this.tell(id);
  }

  /** What the other end says of a path that it connects; what it says nothing of is as before. Told at once. */
  report(id: PathId, report: PathReport): PathInfo {
    const address = report.address ?? this.#known.get(id)?.info.address ?? '';
    return this.#record({ id, address, primary: false }, report, undefined);
  }

  /** The living paths to another server than the primary, which is named by its id or its address; '' names none. */
  toServer(name: string): PathId[] {
    const ids: PathId[] = [];
    if (name === '') return ids;
    for (const { info } of this.#known.values()) {
      const { id, serverId, address, primary, state } = info;
      if ((serverId === name || address === name) && !primary && isConnected(state)) ids.push(id);
    }
    return ids;
  }

  /** A server said how it is. Told at once, where it is news of a path that lives. */
  serverSaid(id: PathId, health: ServerHealth): void {
    const info = this.info(id);
    if (info === undefined || !isConnected(info.state)) return;
    const { load, sessions, accepting } = info.serverHealth ?? {};
    if (load === health.load && sessions === health.sessions && accepting === health.accepting) return;
    this.#health.set(id, health);
    this.tell(id, 'health');
  }

  // --- What is known ---

  info(id: PathId): PathInfo | undefined {
    const path = this.#connected.get(id);
    const info = path === undefined ? this.#known.get(id)?.info : this.infoOf(path);
    const serverHealth = this.#health.get(id);
    return info === undefined || serverHealth === undefined ? info : { ...info, serverHealth };
  }

  /** A path as it is now, or as it was when it died. */
  infoOf(path: P): PathInfo {
    const { id, address, primary, serverId, via, machine, death } = path;
    const unused = death === undefined ? this.#whyUnused(path) : undefined;
    return {
      id,
      address,
      primary,
      state: death === undefined ? machine.state : 'dead',
      ...path.figures(),
      ...(death !== undefined && { reason: death.message, errorCode: death.code }),
      ...(serverId !== undefined && { serverId }),
      ...(unused !== undefined && { unused }),
      ...(via !== undefined && { via }),
    };
  }

  /** Every path that is remembered, by number. */
  infos(): PathInfo[] {
    return Array.from(this.#known.keys(), (id) => this.info(id)!).sort((a, b) => a.id - b.id);
  }

  /** The life of a path of this end, over all its connections. */
  machine(id: PathId): PathMachine | undefined {
    return this.#known.get(id)?.machine;
  }

  // --- Changes ---

  /**
   * `listener` gets each path as it is after each of these changes. What it throws is told as an error of onPathChange.
   * Returns what ends the subscription.
   */
  onChange(listener: (path: PathInfo) => void, changes: PathChanges = 'state or health'): () => void {
    this.#listeners.set(listener, changes);
    return () => this.#listeners.delete(listener);
  }

  /** The listeners hear how a path is now; `changed`: what is new of it. */
  tell(id: PathId, changed: 'state' | 'health' = 'state'): void {
    const info = this.info(id);
    if (info === undefined || this.#silent) return;
    for (const [listener, changes] of this.#listeners) {
      if (changed === 'state' || changes === 'state or health') this.#callbacks.call('onPathChange', listener, info);
    }
  }

  /** The session is over: that its paths go with it is no news. */
  tellNoMore(): void {
    this.#silent = true;
  }

  #record(path: PathIdentity, report: PathReport, machine: PathMachine | undefined): PathInfo {
    const before: Partial<PathInfo> = this.#known.get(path.id)?.info ?? {};
    const { reason, errorCode: _code, unused: _unused, ...known } = before;
    // It is connected again for what it died of.
    const why = report.state === 'recovering' && reason !== undefined ? { reason } : {};
    const idle = isConnected(report.state) ? {} : { deliveryRateBytesPerSecond: 0 };
    if (!isConnected(report.state)) this.#health.delete(path.id);
    const info: PathInfo = { ...NOTHING_MEASURED, ...known, ...idle, ...why, ...report, ...path };
    this.#keep(info, machine);
    this.tell(path.id);
    return info;
  }

  #keep(info: PathInfo, machine: PathMachine | undefined): void {
    this.#known.set(info.id, { info, machine });
    if (this.#known.size <= MAX_KNOWN_PATHS) return;
    for (const [id, known] of this.#known) {
      if (known.info.state !== 'dead' || this.#connected.has(id)) continue;
      this.#known.delete(id);
      return;
    }
  }
}

function trafficOf(figures: PathFigures): Traffic {
  return {
    sentBytes: figures.sentBytes,
    receivedBytes: figures.receivedBytes,
    duplicateBytes: figures.duplicateBytes,
    reinjectedBytes: figures.reinjectedBytes ?? 0,
    wireSentBytes: figures.wireSentBytes ?? 0,
    wireReceivedBytes: figures.wireReceivedBytes ?? 0,
    sentPackets: figures.sentPackets ?? 0,
    lostPackets: figures.lostPackets,
  };
}
