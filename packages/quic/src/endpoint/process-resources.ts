import { channel } from 'node:diagnostics_channel';
import { CounterRegistry, DiagnosticPublisher, type Clock } from '@kwik/wire';
import type { QuicBackend } from '../backends/backend.js';
import { quicheWith } from '../backends/quiche.js';
import { SocketResources } from '../socket/socket-resources.js';
import { KeyLog } from '../tls/key-log.js';
import { ParsedCertificates } from '../tls/parsed-certificates.js';
import { SessionTickets } from '../tls/session-tickets.js';
import { SystemClock } from './clock.js';
import { ConfigCache } from './config-cache.js';
import { PathMemory } from './path-memory.js';
import { ProcessParts } from './process-parts.js';
import { SizeMemory } from './size-memory.js';
import { TurnTime } from './turn-loop.js';

/** Where all parts of a process tell what happens, and where their counters are found. */
export interface ProcessDiagnostics {
  readonly counters: CounterRegistry;
  readonly publisher: DiagnosticPublisher;
}

/**
 * What the endpoints of a process have in common, and all of the driver that outlives an endpoint. One is enough
 * (`processResources()`); a test may have its own.
 */
export class ProcessResources {
  private readonly keyLog = new KeyLog();
  readonly backend = quicheWith(this.keyLog);
  readonly clock: Clock = new SystemClock();
  readonly sockets = new SocketResources();
  readonly datagramSizes = new SizeMemory();
  readonly paths = new PathMemory();
  readonly certificates = new ParsedCertificates();
  readonly tickets = new SessionTickets();
  readonly diagnostics: ProcessDiagnostics = {
    counters: new CounterRegistry(),
    publisher: new DiagnosticPublisher(channel),
  };
  readonly turnTime = new TurnTime();
  readonly parts = new ProcessParts();
  private configs = new WeakMap<QuicBackend, ConfigCache>();

  /** TLS configurations of dials: endpoints of a process tend to dial alike. */
  configsOf(backend: QuicBackend): ConfigCache {
    const known = this.configs.get(backend);
    if (known !== undefined) return known;
    const configs = new ConfigCache();
    this.configs.set(backend, configs);
    return configs;
  }

  /** As `logTlsKeys`, for endpoints with these resources. */
  logTlsKeys(file: string): () => void {
    const end = this.keyLog.begin(file);
    // Those that were made before write no keys.
    this.configs = new WeakMap();
    return end;
  }
}

const OF_THE_PROCESS = new ProcessResources();

/** Those of endpoints that are given none. */
export function processResources(): ProcessResources {
  return OF_THE_PROCESS;
}

/**
 * For Wireshark: writes the TLS secrets of all connections of the process that are dialled from now on, and of listeners
 * that are opened from now on, to `file`, until the returned function is called. **Whoever has that file can read those
 * connections, and act in their name.** It is made for its owner alone, and takes 64 MiB. Nothing but this call switches it
 * on, and a process warning says that it is on. Throws ERR_KWIK_LOCAL_FILE when the file cannot be written, when others
 * may read it, or when it is another user's.
 */
export function logTlsKeys(file: string): () => void {
  const end = OF_THE_PROCESS.logTlsKeys(file);
  process.emitWarning(`TLS secrets of QUIC connections are written to ${file}: whoever has that file can read them`, {
    code: 'KWIK_KEY_LOG',
  });
  return end;
}

/** The real clock of the process: `performance.now()`, and timers that keep no process alive. */
export function systemClock(): Clock {
  return OF_THE_PROCESS.clock;
}

/** Those of the process: what listens, dials, relays or finds servers is registered here while it lives. */
export function processDiagnostics(): ProcessDiagnostics {
  return OF_THE_PROCESS.diagnostics;
}

/**
 * Whoever is dialled from now on has to show its certificate again, also where `resumption` would do without: for when a key
 * that was trusted is so no longer. Dials with another trust never use tickets of before.
 */
export function forgetSessionTickets(): void {
  OF_THE_PROCESS.tickets.clear();
}

/** The one object of this class that the process has, for what all its sessions have in common. */
export function partOfProcess<T>(kind: new () => T): T {
  return OF_THE_PROCESS.parts.of(kind);
}
