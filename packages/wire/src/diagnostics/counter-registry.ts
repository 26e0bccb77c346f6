import type { Counts, CounterSource, SessionReading, Traffic } from '../contracts/counters.js';
import type { SessionRole } from '../contracts/diagnostics.js';

/** Names of servers that are told apart in sums. Peers choose their names, so there is a bound. */
const MAX_SERVERS = 64;
/** Labels of one family; what the sources have are closed sets far below it. */
const MAX_LABELS = 128;
const MAX_FAMILIES = 64;
/** Stands for all servers, or labels, beyond the bound. */
export const OTHERS = 'others';

const NO_TRAFFIC: Traffic = {
  sentBytes: 0,
  receivedBytes: 0,
  duplicateBytes: 0,
  reinjectedBytes: 0,
  wireSentBytes: 0,
  wireReceivedBytes: 0,
  sentPackets: 0,
  lostPackets: 0,
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Sums of traffic by the name of the server, of at most 64 of them and `others`. */
export class TrafficSums {
  readonly #sums = new Map<string, Mutable<Traffic>>();

  get byServer(): ReadonlyMap<string, Traffic> {
    return this.#sums;
  }

  add(server: string, more: Traffic): void {
    const key = this.#sums.has(server) || this.#sums.size < MAX_SERVERS ? server : OTHERS;
    let sum = this.#sums.get(key);
    if (sum === undefined) this.#sums.set(key, (sum = { ...NO_TRAFFIC }));
    addTraffic(sum, more);
  }

  /** Of all servers. */
  total(): Traffic {
    const sum = { ...NO_TRAFFIC };
    for (const traffic of this.#sums.values()) addTraffic(sum, traffic);
    return sum;
  }
}

function addTraffic(sum: Mutable<Traffic>, more: Traffic): void {
  sum.sentBytes += more.sentBytes;
  sum.receivedBytes += more.receivedBytes;
  sum.duplicateBytes += more.duplicateBytes;
  sum.reinjectedBytes += more.reinjectedBytes;
  sum.wireSentBytes += more.wireSentBytes;
  sum.wireReceivedBytes += more.wireReceivedBytes;
  sum.sentPackets += more.sentPackets;
  sum.lostPackets += more.lostPackets;
}

/** Sums of counts by family and label, both bounded. */
export class CountSums {
  readonly #families = new Map<string, Map<string, number>>();

  get families(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    return this.#families;
  }

  count(family: string, label: string, by = 1): void {
    let labels = this.#families.get(family);
    if (labels === undefined) {
      if (this.#families.size >= MAX_FAMILIES) return;
      this.#families.set(family, (labels = new Map<string, number>()));
    }
    const key = labels.has(label) || labels.size < MAX_LABELS ? label : OTHERS;
    labels.set(key, (labels.get(key) ?? 0) + by);
  }

  add(counts: Counts): void {
    for (const family in counts) {
      const labels = counts[family]!;
      for (const label in labels) this.count(family, label, labels[label]);
    }
  }
}

/** What sources that are gone have counted. */
export interface Departed {
  readonly traffic: Readonly<Record<SessionRole, TrafficSums>>;
  readonly counts: CountSums;
}

/**
 * All that count something, so that who asks finds them: sessions, listeners, sockets, relays. A source is added when it
 * begins and removed at its end, when its counts go over into sums; so what it counted is not lost, and the registry keeps
 * nothing alive. Nobody is read unless somebody asks.
 */
export class CounterRegistry {
  readonly #sources = new Set<CounterSource>();
  readonly departed: Departed = {
    traffic: { client: new TrafficSums(), primary: new TrafficSums(), secondary: new TrafficSums() },
    counts: new CountSums(),
  };

  get size(): number {
    return this.#sources.size;
  }

  /** Those that there are now. */
  sources(): Iterable<CounterSource> {
    return this.#sources;
  }

  /** Counts what has no source of its own, such as an attempt that came to nothing. */
  count(family: string, label: string): void {
    this.departed.counts.count(family, label);
  }

  /** Returns what removes it. That reads it once more; a second call does nothing. */
  add(source: CounterSource): () => void {
    this.#sources.add(source);
    return () => {
      if (this.#sources.delete(source)) this.#depart(source);
    };
  }

  #depart(source: CounterSource): void {
    const reading = source.read();
    this.departed.counts.add(reading.counts);
    if (source.kind === 'session') sumTraffic(this.departed.traffic, reading as SessionReading);
  }
}

/** Adds what all paths of a session have carried, those that are gone too. */
export function sumTraffic(into: Departed['traffic'], { role, paths, departed }: SessionReading): void {
  for (const path of paths) into[role].add(path.server, path);
  for (const [server, traffic] of departed) into[role].add(server, traffic);
}
