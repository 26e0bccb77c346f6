import {
  CountSums,
  OTHERS,
  SERVICE_LEVELS,
  sumTraffic,
  TrafficSums,
  type ComponentReading,
  type CounterRegistry,
  type Departed,
  type PathReading,
  type SessionReading,
  type SessionRole,
} from '@kwik/wire';
import type { MetricName } from './metric-list.js';
import { Quantiles } from './quantiles.js';
import { Samples } from './samples.js';

const ROLES: readonly SessionRole[] = ['client', 'primary', 'secondary'];
export const MAX_SERVERS = 64;

/** Families with a metric of their own, and the labels that stand before that of the count. */
const FAMILIES: Readonly<Record<string, readonly [metric: MetricName, ...labels: string[]]>> = {
  sessionsOpened: ['kwik_sessions_opened_total'],
  sessionsClosed: ['kwik_sessions_closed_total'],
  clientHandshakes: ['kwik_handshakes_total', 'client'],
  serverHandshakes: ['kwik_handshakes_total', 'server'],
  dials: ['kwik_dials_total'],
  heldDials: ['kwik_held_dials_total'],
  breakerChanges: ['kwik_breaker_changes_total'],
  refusedPaths: ['kwik_refused_paths_total'],
  failovers: ['kwik_failovers_total'],
  violations: ['kwik_violations_total'],
  contents: ['kwik_contents_total'],
  decisions: ['kwik_scheduler_decisions_total'],
  connections: ['kwik_connections_total'],
  datagrams: ['kwik_datagrams_total'],
  datagramBytes: ['kwik_datagram_bytes_total'],
  dropped: ['kwik_dropped_total'],
  answers: ['kwik_answers_total'],
  socketErrors: ['kwik_socket_errors_total'],
  tokens: ['kwik_tokens_total'],
  bounds: ['kwik_bounds_total'],
};

/** Families of which only the sum counts. */
const SUMMED: Readonly<Record<string, MetricName>> = {
  handlerErrors: 'kwik_handler_errors_total',
  memoryOverdrawn: 'kwik_memory_overdrawn_total',
  callbackErrors: 'kwik_callback_errors_total',
};

const LEVELS: Readonly<Record<string, MetricName>> = {
  connections: 'kwik_connections',
  memoryBytes: 'kwik_memory_bytes',
};

/** Whose families have metrics of their own; all others are components with the general one. */
const OWN_COMPONENTS: ReadonlySet<string> = new Set(['endpoint', 'listener']);

/** Reads all counters of the process. Ten thousand sessions take some tens of milliseconds. */
export function readSamples(counters: CounterRegistry): Samples {
  const samples = new Samples();
  const sums = new Sums();
  for (const source of counters.sources()) {
    if (source.kind === 'session') sums.session(source.read());
    else sums.component(source.component, source.read(), samples);
  }
  sums.departed(counters.departed);
  sums.write(samples);
  return samples;
}

/** Levels of the paths to one server. */
class ServerPaths {
  readonly rtts = new Quantiles();
  readonly losses = new Quantiles();
  windowBytes = 0;
  bytesPerSecond = 0;

  add(path: PathReading): void {
    if (path.rttMs > 0) this.rtts.add(path.rttMs / 1000);
    this.losses.add(path.lossRate);
    this.windowBytes += path.windowBytes;
    this.bytesPerSecond += path.receivedBytesPerSecond;
  }
}

class RoleSums {
  sessions = 0;
  streams = 0;
  realStreams = 0;
  keyPackets = 0;
  readonly states = new Map<string, number>();
  readonly services = new Map<string, number>(SERVICE_LEVELS.map((level) => [level, 0]));
  readonly servers = new Map<string, ServerPaths>();

  add({ streams, paths, service: { level } }: SessionReading): void {
    this.sessions += 1;
    this.services.set(level, (this.services.get(level) ?? 0) + 1);
    this.streams += streams;
    for (const path of paths) {
      this.realStreams += path.realStreams;
      this.keyPackets = Math.max(this.keyPackets, path.keyPackets);
      this.states.set(path.state, (this.states.get(path.state) ?? 0) + 1);
      this.#server(path.server).add(path);
    }
  }

  #server(name: string): ServerPaths {
    const key = this.servers.has(name) || this.servers.size < MAX_SERVERS ? name : OTHERS;
    let server = this.servers.get(key);
    if (server === undefined) this.servers.set(key, (server = new ServerPaths()));
    return server;
  }
}

class Sums {
  readonly #roles: Readonly<Record<SessionRole, RoleSums>> = {
    client: new RoleSums(),
    primary: new RoleSums(),
    secondary: new RoleSums(),
  };
  readonly #traffic: Departed['traffic'] = {
    client: new TrafficSums(),
    primary: new TrafficSums(),
    secondary: new TrafficSums(),
  };
  readonly #counts = new CountSums();

  session(reading: SessionReading): void {
    this.#roles[reading.role].add(reading);
    sumTraffic(this.#traffic, reading);
    this.#counts.add(reading.counts);
  }

  component(component: string, { counts, levels }: ComponentReading, samples: Samples): void {
    if (OWN_COMPONENTS.has(component)) {
      this.#counts.add(counts);
      for (const [family, labels] of Object.entries(levels)) {
        const metric = LEVELS[family];
        if (metric === undefined) continue;
        for (const [label, value] of Object.entries(labels)) samples.add(metric, [label], value);
      }
      return;
    }
    for (const [family, labels] of Object.entries(counts)) {
      for (const [label, value] of Object.entries(labels)) this.#counts.count(`${component}.${family}`, label, value);
    }
    for (const [family, labels] of Object.entries(levels)) {
      for (const [label, value] of Object.entries(labels)) {
        samples.add('kwik_component_level', [component, family, label], value);
      }
    }
  }

  departed({ traffic, counts }: Departed): void {
    for (const role of ROLES) {
      for (const [server, sum] of traffic[role].byServer) this.#traffic[role].add(server, sum);
    }
    for (const [family, labels] of counts.families) {
      for (const [label, value] of labels) this.#counts.count(family, label, value);
    }
  }

  write(samples: Samples): void {
    for (const role of ROLES) {
      this.#writeRole(samples, role, this.#roles[role]);
      this.#writeTraffic(samples, role, this.#traffic[role]);
    }
    for (const [family, labels] of this.#counts.families) {
      for (const [label, value] of labels) writeCount(samples, family, label, value);
    }
  }

  #writeRole(samples: Samples, role: string, sums: RoleSums): void {
    samples.set('kwik_sessions', [role], sums.sessions);
    for (const [level, count] of sums.services) samples.set('kwik_sessions_service', [role, level], count);
    samples.set('kwik_streams', [role], sums.streams);
    samples.set('kwik_real_streams', [role], sums.realStreams);
    samples.set('kwik_key_packets', [role], sums.keyPackets);
    for (const [state, count] of sums.states) samples.set('kwik_paths', [role, state], count);
    for (const [server, paths] of sums.servers) {
      samples.set('kwik_path_window_bytes', [role, server], paths.windowBytes);
      samples.set('kwik_path_receive_rate_bytes_per_second', [role, server], paths.bytesPerSecond);
      samples.spread('kwik_path_rtt_seconds', [role, server], [paths.rtts.spread()]);
      samples.spread('kwik_path_loss_ratio', [role, server], [paths.losses.spread()]);
    }
  }

  #writeTraffic(samples: Samples, role: string, traffic: TrafficSums): void {
    for (const [server, sum] of traffic.byServer) {
      samples.set('kwik_path_bytes_total', [role, server, 'sent'], sum.sentBytes);
      samples.set('kwik_path_bytes_total', [role, server, 'received'], sum.receivedBytes);
      samples.set('kwik_path_duplicate_bytes_total', [role, server], sum.duplicateBytes);
      samples.set('kwik_reinjected_bytes_total', [role, server], sum.reinjectedBytes);
      samples.set('kwik_wire_bytes_total', [role, server, 'sent'], sum.wireSentBytes);
      samples.set('kwik_wire_bytes_total', [role, server, 'received'], sum.wireReceivedBytes);
      samples.set('kwik_packets_total', [role, server], sum.sentPackets);
      samples.set('kwik_lost_packets_total', [role, server], sum.lostPackets);
    }
  }
}

function writeCount(samples: Samples, family: string, label: string, value: number): void {
  const own = FAMILIES[family];
  const summed = SUMMED[family];
  if (own !== undefined) {
    const [metric, ...before] = own;
    samples.add(metric, [...before, label], value);
  } else if (summed !== undefined) samples.add(summed, [], value);
  else {
    const [component = '', rest = ''] = family.split('.');
    samples.add('kwik_component_count_total', [component, rest === '' ? component : rest, label], value);
  }
}
