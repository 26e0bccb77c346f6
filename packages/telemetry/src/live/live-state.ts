import type { CounterRegistry, LostPath, PathReading, SessionReading, SessionSource } from '@kwik/wire';

/** Sessions that are listed; of more, the page says how many there are. */
const MAX_LISTED = 1_000;
const MAX_SERVERS = 64;

export interface LiveSession {
  readonly id: string;
  readonly role: string;
  /** The worker that has it, of a server of several. */
  readonly worker?: number;
  /** The names or addresses of the other ends, the first of them. */
  readonly peer: string;
  readonly ageMs: number;
  readonly streams: number;
  readonly paths: number;
  /** Paths that may take new data. */
  readonly active: number;
  /** How much of its service it has, and why not all of it, in words. */
  readonly service: string;
  readonly serviceReason: string;
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
}

export interface LivePath {
  readonly id: number;
  readonly address: string;
  readonly server: string;
  readonly primary: boolean;
  readonly state: string;
  readonly flow: string;
  /** Why it is in this state, and why it gets nothing, in words. */
  readonly reason: string;
  readonly unused: string;
  readonly sinceMs: number;
  readonly rttMs: number;
  readonly minRttMs: number;
  readonly lossRate: number;
  readonly windowBytes: number;
  readonly inFlightBytes: number;
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
  /** Of what the session's paths carry now, 0 to 1. */
  readonly share: number;
  readonly reinjectedBytes: number;
  readonly keyPackets: number;
}

export interface LiveServer {
  readonly name: string;
  readonly paths: number;
  readonly active: number;
  readonly rttMs: number;
  readonly lossRate: number;
  readonly receivedPerSecond: number;
}

export interface LiveOverview {
  readonly total: number;
  readonly sessions: readonly LiveSession[];
  readonly servers: readonly LiveServer[];
}

interface Rates {
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
}

interface Before extends Rates {
  readonly atMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Looked at again sooner, a path has the rates of before: both readers of a moment see the same. */
const LEAST_INTERVAL_MS = 100;

/** What the page and `kwik top` show: how sessions and paths are, and how fast, from one look to the next. */
export class LiveState {
  readonly #counters: CounterRegistry;
  /** By the ids of the sessions in the overview. Nobody may look again for days: it keeps none that has ended. */
  #listed = new Map<string, WeakRef<SessionSource>>();
  readonly #ids = new WeakMap<SessionSource, string>();
  /** How many have an id that is not simply session and role. */
  #further = 0;
  #before = new Map<string, Before>();
  #overview: { readonly atMs: number; readonly overview: LiveOverview } | undefined;

  constructor(counters: CounterRegistry) {
    this.#counters = counters;
  }

  /** All sessions and servers, no fresher than 100 ms. */
  overview(nowMs: number): LiveOverview {
    if (this.#overview !== undefined && nowMs - this.#overview.atMs < LEAST_INTERVAL_MS) return this.#overview.overview;
    const before = this.#before;
    const known = this.#listed;
    this.#before = new Map();
    this.#listed = new Map();
    const sessions: LiveSession[] = [];
    const servers = new Map<string, ServerSum>();
    let total = 0;
    for (const source of this.#counters.sources()) {
      if (source.kind !== 'session') continue;
      total += 1;
      if (total > MAX_LISTED) continue;
      const reading = source.read();
      const id = this.#idOf(source, reading, known);
      this.#listed.set(id, new WeakRef(source));
      const rates = reading.paths.map((path) => this.#rates(keyOf(id, path), path, before, nowMs));
      sessions.push(liveSession(id, reading, rates));
      reading.paths.forEach((path, index) => addServer(servers, path, rates[index]!));
    }
    const overview = { total, sessions, servers: Array.from(servers, ([name, sum]) => sum.read(name)) };
    this.#overview = { atMs: nowMs, overview };
    return overview;
  }

  /** The paths of one session; undefined when it is not there. */
  paths(sessionId: string, nowMs: number): LivePath[] | undefined {
    this.overview(nowMs);
    const reading = this.#listed.get(sessionId)?.deref()?.read();
    if (reading === undefined) return undefined;
    const rates = reading.paths.map((path) => this.#before.get(keyOf(sessionId, path)) ?? NO_RATES);
    const all = rates.reduce((sum, rate) => sum + rate.sentPerSecond + rate.receivedPerSecond, 0);
    const connected = reading.paths.map((path, index) => livePath(reading, path, rates[index]!, all));
    return [...connected, ...reading.lost().map(lostPath)];
  }

  /** All ends of a session may live in one process, several secondaries among them: each has its own, as long as it lives. */
  #idOf(source: SessionSource, { sessionId, role }: SessionReading, known: ReadonlyMap<string, unknown>): string {
    let id = this.#ids.get(source);
    if (id === undefined) {
      id = `${sessionId}.${role}`;
      if (known.has(id) || this.#listed.has(id)) id += `.${++this.#further}`;
      this.#ids.set(source, id);
    }
    return id;
  }

  #rates(key: string, path: PathReading, before: Map<string, Before>, atMs: number): Rates {
    const { sentBytes, receivedBytes } = path;
    const last = before.get(key);
    const seconds = last === undefined ? 0 : (atMs - last.atMs) / 1000;
    const rates =
      last === undefined || seconds <= 0
        ? NO_RATES
        : {
            sentPerSecond: Math.max(0, sentBytes - last.sentBytes) / seconds,
            receivedPerSecond: Math.max(0, receivedBytes - last.receivedBytes) / seconds,
          };
    this.#before.set(key, { ...rates, atMs, sentBytes, receivedBytes });
    return rates;
  }
}

const NO_RATES: Rates = { sentPerSecond: 0, receivedPerSecond: 0 };

class ServerSum {
  #paths = 0;
  #active = 0;
  #rttMs = 0;
  #lossRate = 0;
  #receivedPerSecond = 0;

  add(path: PathReading, { receivedPerSecond }: Rates): void {
    this.#paths += 1;
    if (isUsable(path)) this.#active += 1;
    this.#rttMs += path.rttMs;
    this.#lossRate = Math.max(this.#lossRate, path.lossRate);
    this.#receivedPerSecond += receivedPerSecond;
  }

  read(name: string): LiveServer {
    return {
      name,
      paths: this.#paths,
      active: this.#active,
      rttMs: this.#rttMs / this.#paths,
      lossRate: this.#lossRate,
      receivedPerSecond: this.#receivedPerSecond,
    };
  }
}

/** A server of which nothing is known but its address goes by that; a client has no name. */
function addServer(servers: Map<string, ServerSum>, path: PathReading, rates: Rates): void {
  const name = path.server === '' ? path.address : path.server;
  let sum = servers.get(name);
  if (sum === undefined) {
    if (servers.size >= MAX_SERVERS) return;
    servers.set(name, (sum = new ServerSum()));
  }
  sum.add(path, rates);
}

function keyOf(sessionId: string, { pathId }: PathReading): string {
  return `${sessionId}.${pathId}`;
}

function isUsable({ state, flow }: PathReading): boolean {
  return (state === 'active' || state === 'degraded') && flow === 'steady';
}

function liveSession(id: string, reading: SessionReading, rates: readonly Rates[]): LiveSession {
  const { role, paths, service, openedAtMs, nowMs, streams } = reading;
  const [first] = paths;
  const name = first === undefined ? 'no path' : first.server === '' ? first.address : first.server;
  return {
    id,
    role,
    peer: name,
    ageMs: nowMs - openedAtMs,
    streams,
    paths: paths.length,
    active: paths.filter(isUsable).length,
    service: service.level,
    serviceReason: service.reason,
    sentPerSecond: rates.reduce((sum, rate) => sum + rate.sentPerSecond, 0),
    receivedPerSecond: rates.reduce((sum, rate) => sum + rate.receivedPerSecond, 0),
  };
}

const CARRYING: ReadonlySet<string> = new Set(['active', 'degraded']);
/** A primary hears of the paths between its client and secondaries, and sees none of their packets. */
const ELSEWHERE = 'between the client and that server, which have its figures';

function lostPath({ pathId, address, server, primary, state, reason }: LostPath): LivePath {
  const figures = { rttMs: 0, minRttMs: 0, lossRate: 0, windowBytes: 0, inFlightBytes: 0, reinjectedBytes: 0 };
  const unused = reason === '' && CARRYING.has(state) ? ELSEWHERE : reason;
  const about = { id: pathId, address, server, primary, state, reason, unused };
  return { ...about, ...figures, ...NO_RATES, flow: 'steady', sinceMs: 0, share: 0, keyPackets: 0 };
}

function livePath({ nowMs }: SessionReading, path: PathReading, rates: Rates, all: number): LivePath {
  const { sentPerSecond, receivedPerSecond } = rates;
  return {
    id: path.pathId,
    address: path.address,
    server: path.server,
    primary: path.primary,
    state: path.state,
    flow: path.flow,
    reason: path.reason,
    unused: path.unused,
    sinceMs: nowMs - path.sinceMs,
    rttMs: path.rttMs,
    minRttMs: path.minRttMs,
    lossRate: path.lossRate,
    windowBytes: path.windowBytes,
    inFlightBytes: path.inFlightBytes,
    sentPerSecond,
    receivedPerSecond,
    share: all > 0 ? (sentPerSecond + receivedPerSecond) / all : 0,
    reinjectedBytes: path.reinjectedBytes,
    keyPackets: path.keyPackets,
  };
}
