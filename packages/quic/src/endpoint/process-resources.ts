import { channel } from 'node:diagnostics_channel';
import { CounterRegistry, DiagnosticPublisher, type Clock } from '@kwik/wire';
import type { QuicBackend } from '../backends/backend.js';
import { quicheBackend } from '../backends/quiche.js';
import { SocketResources } from '../socket/socket-resources.js';
import { ParsedCertificates } from '../tls/parsed-certificates.js';
import { SystemClock } from './clock.js';
import { ConfigCache } from './config-cache.js';

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
  readonly backend = quicheBackend();
  readonly clock: Clock = new SystemClock();
  readonly sockets = new SocketResources();
  readonly certificates = new ParsedCertificates();
  readonly diagnostics: ProcessDiagnostics = {
    counters: new CounterRegistry(),
    publisher: new DiagnosticPublisher(channel),
  };
  private readonly configs = new WeakMap<QuicBackend, ConfigCache>();

  /** TLS configurations of dials: endpoints of a process tend to dial alike. */
  configsOf(backend: QuicBackend): ConfigCache {
    const known = this.configs.get(backend);
    if (known !== undefined) return known;
    const configs = new ConfigCache();
    this.configs.set(backend, configs);
    return configs;
  }
}

const OF_THE_PROCESS = new ProcessResources();

/** Those of endpoints that are given none. */
export function processResources(): ProcessResources {
  return OF_THE_PROCESS;
}

/** The real clock of the process: `performance.now()`, and timers that keep no process alive. */
export function systemClock(): Clock {
  return OF_THE_PROCESS.clock;
}

/** Those of the process: what listens, dials, relays or finds servers is registered here while it lives. */
export function processDiagnostics(): ProcessDiagnostics {
  return OF_THE_PROCESS.diagnostics;
}
