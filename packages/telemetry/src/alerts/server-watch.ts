import type { Finding } from './alert.js';
import type { Detector } from './detectors/detector.js';
import { OwnDetectors, type OwnAlarm, type OwnDetector } from './detectors/own-detectors.js';
import { PageHinkley } from './detectors/page-hinkley.js';
import { RateWatch } from './detectors/rate-watch.js';
import { RobustZ } from './detectors/robust-z.js';

/** How the paths to one server are in one second. */
export interface ServerSignals {
  readonly server: string;
  readonly paths: number;
  /** Paths that may take new data. */
  readonly usable: number;
  /** Mean of the paths' smoothed round trips; 0: none is known. */
  readonly rttMs: number;
  /** Mean of the paths' recent loss, 0 to 1. */
  readonly lossRate: number;
  /** Failovers since the second before. */
  readonly failovers: number;
}

/** Seconds without a usable path after which a server counts as down: a failover alone is no outage. */
const DOWN_SECONDS = 3;
/** Servers that are watched, and how long one that is gone is remembered, seconds. */
const MAX_SERVERS = 64;
const FORGET_SECONDS = 600;
/** After the operator, or scaling, has changed something about a server, it is not compared with before for so long. */
const OWN_ACTION_SECONDS = 30;
/** With so many servers in trouble at once, what they have in common is this end. */
const SHARED_LEAST = 3;
const SHARED_SHARE = 0.6;

type Trouble = Omit<Finding, 'id' | 'title'> & { readonly what: string };

/**
 * Finds what is wrong with servers, a second at a time, and says it once for each cause: of a dead server neither its forty
 * paths nor its loss are told besides, and of many servers in trouble at once the network of this end is.
 */
export class ServerWatch {
  readonly #servers = new Map<string, WatchedServer>();
  readonly #own: OwnDetector | undefined;

  constructor(own?: OwnDetector) {
    this.#own = own;
  }

  /** Looks at all servers; called once a second. */
  round(signals: readonly ServerSignals[]): Finding[] {
    return [...this.#look(signals), ...this.#faults()];
  }

  #look(signals: readonly ServerSignals[]): Finding[] {
    const troubled: { server: string; trouble: Trouble }[] = [];
    const seen = new Map(signals.map((one) => [one.server, one]));
    for (const signal of signals) if (!this.#servers.has(signal.server)) this.#add(signal.server);
    for (const [server, watched] of this.#servers) {
      const trouble = watched.observe(seen.get(server));
      if (trouble !== undefined) troubled.push({ server, trouble });
      if (watched.missingSeconds > FORGET_SECONDS) this.#servers.delete(server);
    }
    if (troubled.length >= SHARED_LEAST && troubled.length >= SHARED_SHARE * this.#servers.size) {
      return [shared(troubled.map(({ server }) => server))];
    }
    return troubled.map(({ server, trouble: { what, ...rest } }) => {
      return { id: `server ${server}`, title: `server ${server} ${what}`, ...rest };
    });
  }

  /** This end did something about the server itself: what follows from it is no anomaly. */
  ownAction(server: string): void {
    this.#servers.get(server)?.pardon();
  }

  #add(server: string): void {
    if (this.#servers.size >= MAX_SERVERS) return;
    const own = this.#own === undefined ? undefined : new OwnDetectors(server, this.#own);
    this.#servers.set(server, new WatchedServer(own));
  }

  /** Of the program's own detectors: one for all, for they are of one making. */
  #faults(): Finding[] {
    for (const [server, { fault }] of this.#servers) if (fault !== undefined) return [failed(server, fault)];
    return [];
  }
}

class WatchedServer {
  readonly #rtt: Detector = new RobustZ({ direction: 'up', floor: 3, floorShare: 0.1 });
  readonly #drift: Detector = new PageHinkley({ tolerance: 0.25, threshold: 30 });
  readonly #loss: Detector = new RateWatch({ floor: 0.03, factor: 4 });
  readonly #failovers: Detector = new RateWatch({ floor: 0.2, factor: 5 });
  readonly #own: OwnDetectors | undefined;
  missingSeconds = 0;
  #downSeconds = 0;
  #pardonedSeconds = 0;
  #wasUsable = false;

  constructor(own: OwnDetectors | undefined) {
    this.#own = own;
  }

  /** What was wrong with a detector of the program. */
  get fault(): string | undefined {
    return this.#own?.fault;
  }

  pardon(): void {
    this.#pardonedSeconds = OWN_ACTION_SECONDS;
  }

  observe(signal: ServerSignals | undefined): Trouble | undefined {
    const pardoned = this.#pardonedSeconds > 0;
    if (pardoned) this.#pardonedSeconds -= 1;
    this.missingSeconds = signal === undefined ? this.missingSeconds + 1 : 0;
    if (signal === undefined) {
      // Sessions end: a server that nobody has a path to is not down.
      this.#downSeconds = 0;
      return undefined;
    }
    this.#downSeconds = signal.usable === 0 && this.#wasUsable ? this.#downSeconds + 1 : 0;
    if (signal.usable > 0) this.#wasUsable = true;
    if (pardoned) return undefined;
    if (this.#downSeconds >= DOWN_SECONDS) return down(signal, this.#downSeconds);
    return signal.usable === 0 ? undefined : this.#compare(signal);
  }

  /** All detectors see each value; the most telling trouble is told. */
  #compare({ rttMs, lossRate, failovers }: ServerSignals): Trouble | undefined {
    const rtt = rttMs > 0 ? this.#rtt.observe(rttMs) : undefined;
    const drift = rttMs > 0 ? this.#drift.observe(rttMs) : undefined;
    const loss = this.#loss.observe(lossRate);
    const flapping = this.#failovers.observe(failovers);
    const own = this.#own?.observe({ ...(rttMs > 0 && { rtt: rttMs }), loss: lossRate, failovers });
    if (flapping.alarming) return flaps();
    if (loss.alarming) return loses(lossRate, loss.normal);
    if (rtt?.alarming === true) return slower(rttMs, rtt.normal, 'suddenly');
    if (drift?.alarming === true) return slower(rttMs, drift.normal, 'step by step');
    return own && unusual(own);
  }
}

function down({ paths }: ServerSignals, seconds: number): Trouble {
  return {
    what: 'does not answer',
    severity: 'critical',
    normal: 'a usable path',
    now: `none of ${paths} for ${seconds} s`,
    cause: 'the server, its machine or the network to it is down',
    action: 'look at the server; its paths are connected again by themselves when it is back',
  };
}

function slower(rttMs: number, normalMs: number, how: string): Trouble {
  return {
    what: `got slower ${how}`,
    severity: 'warning',
    normal: `${normalMs.toFixed(1)} ms`,
    now: `round trip ${rttMs.toFixed(1)} ms`,
    cause: 'a queue on the way, another route, or a busy server',
    action: 'compare with `kwik ping`; the scheduler already uses it less',
  };
}

function loses(lossRate: number, normal: number): Trouble {
  return {
    what: 'loses packets',
    severity: 'warning',
    normal: `${(100 * normal).toFixed(1)} %`,
    now: `${(100 * lossRate).toFixed(1)} % lost`,
    cause: 'a full queue, a bad link, or a policer on the way',
    action: 'compare with `kwik ping`; the scheduler already uses it less',
  };
}

function flaps(): Trouble {
  return {
    what: 'comes and goes',
    severity: 'warning',
    normal: 'no failovers',
    now: 'failovers again and again',
    cause: 'an unstable link, or a server that stalls',
    action: 'remove the server until it is stable, if readers notice',
  };
}

const IN_WORDS = {
  rtt: (value: number) => `round trip ${value.toFixed(1)} ms`,
  loss: (value: number) => `${(100 * value).toFixed(1)} % lost`,
  failovers: (value: number) => `${value.toFixed(1)} failovers a second`,
};

function unusual({ series, value, normal }: OwnAlarm): Trouble {
  return {
    what: 'is not as usual',
    severity: 'warning',
    normal: IN_WORDS[series](normal),
    now: IN_WORDS[series](value),
    cause: `a detector of this program says so, of ${series}`,
    action: 'ask whoever made the detector; compare with `kwik ping`',
  };
}

function failed(server: string, fault: string): Finding {
  return {
    id: 'detectors',
    severity: 'warning',
    title: 'a detector of this program failed',
    normal: 'a verdict on each value',
    now: `of server ${server}, ${fault}`,
    cause: 'it threw, or returned something else than a verdict',
    action: 'mend it and start again; until then those that are built in watch that server alone',
  };
}

function shared(servers: readonly string[]): Finding {
  return {
    id: 'network here',
    severity: 'critical',
    title: `${servers.length} servers are in trouble at once`,
    normal: 'none',
    now: servers.slice(0, 5).join(', '),
    cause: 'what they have in common: the network or the machine of this end',
    action: 'look at this machine and its uplink before the servers',
  };
}
