import { join } from 'node:path';
import { processDiagnostics } from '@kwik/session';
import { EventLog, QlogFolder, Telemetry } from '@kwik/telemetry';
import type { Contender } from '../contender.js';
import { session } from './session.js';

/** Prometheus asks every 15 s as a rule; an impatient one asks each second. */
const SCRAPE_MS = 1_000;

/** A session while everything of @kwik/telemetry is on, at both ends. */
export const watched: Contender = {
  async serve(credentials, settings, peers) {
    await watchAll();
    return session.serve(credentials, settings, peers);
  },
  async fetch(port, caPem, settings) {
    await watchAll();
    return session.fetch(port, caPem, settings);
  },
};

/** Until the process ends. */
async function watchAll(): Promise<void> {
  const { counters } = processDiagnostics();
  const telemetry = new Telemetry({ counters, onFlight: () => undefined });
  new EventLog({ sink: () => undefined, level: 'debug' });
  // The folder of the bench's processes, which goes with them.
  await QlogFolder.open({ folder: join(process.env['KWIK_DATA_DIR']!, 'qlog'), counters });
  setInterval(() => void telemetry.prometheus.text(), SCRAPE_MS).unref();
  setInterval(() => telemetry.state.overview(performance.now()), SCRAPE_MS / 4).unref();
}
