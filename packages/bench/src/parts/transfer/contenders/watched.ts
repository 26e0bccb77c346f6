import { processDiagnostics } from '@kwik/session';
import { EventLog, Telemetry } from '@kwik/telemetry';
import type { Contender } from '../contender.js';
import { session } from './session.js';

/** Prometheus asks every 15 s as a rule; an impatient one asks each second. */
const SCRAPE_MS = 1_000;

/** A session while everything of @kwik/telemetry is on, at both ends. */
export const watched: Contender = {
  serve(credentials, settings, peers) {
    watchAll();
    return session.serve(credentials, settings, peers);
  },
  fetch(port, caPem, settings) {
    watchAll();
    return session.fetch(port, caPem, settings);
  },
};

/** Until the process ends. */
function watchAll(): void {
  const telemetry = new Telemetry({ counters: processDiagnostics().counters, onFlight: () => undefined });
  new EventLog({ sink: () => undefined, level: 'debug' });
  setInterval(() => void telemetry.prometheus.text(), SCRAPE_MS).unref();
  setInterval(() => telemetry.state.overview(performance.now()), SCRAPE_MS / 4).unref();
}
