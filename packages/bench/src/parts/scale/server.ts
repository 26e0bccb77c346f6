/** The one server process: sessions of KWIK that echo or send bulk, or connections of the bare driver that only are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_LIMITS, Endpoint } from '@kwik/quic';
import { listen } from '@kwik/session';
import { answerParent, usage, type Usage } from '../../harness/child.js';
import type { Credentials } from '../../harness/certificates.js';
import { answerSessions } from './answering.js';

/** All from one address, and faster than a stranger should be let in. */
const HANDSHAKES_PER_SECOND = 20_000;
/** A collection of all stops the server for a moment: so few, and time to answer what has come meanwhile. */
const SETTLE_MS = 1_000;
const COLLECTIONS = 2;

/** What this process serves; there is one of each run. */
const served = { open: (): number => 0 };

async function serveSessions({ certPem, keyPem }: Credentials, sessions: number): Promise<number> {
  const listener = await listen({
    credentials: { cert: certPem, key: keyPem },
    limits: {
      maxSessions: sessions,
      maxConnectionsPerAddress: sessions,
      handshakesPerSecondPerAddress: HANDSHAKES_PER_SECOND,
    },
  });
  served.open = () => listener.stats().sessions;
  void answerSessions(listener);
  return listener.address().port;
}

async function serveConnections({ certPem, keyPem }: Credentials, connections: number): Promise<number> {
  const endpoint = await Endpoint.bind({
    limits: {
      ...DEFAULT_LIMITS,
      maxConnections: connections,
      maxConnectionsPerAddress: connections,
      initialsPerSecondPerAddress: HANDSHAKES_PER_SECOND,
      initialsBurstPerAddress: HANDSHAKES_PER_SECOND,
    },
  });
  endpoint.listen({ certPem, keyPem }, (connection) => {
    connection.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
  });
  served.open = () => endpoint.stats().connections;
  return endpoint.address().port;
}

/** What the process holds once everything that can go has gone. */
async function settled(): Promise<Usage> {
  for (let time = 0; time < COLLECTIONS; time++) {
    globalThis.gc?.();
    await sleep(SETTLE_MS);
  }
  return usage();
}

export const calls = answerParent({
  serveSessions: (task: { credentials: Credentials; sessions: number }) =>
    serveSessions(task.credentials, task.sessions),
  serveConnections: (task: { credentials: Credentials; connections: number }) =>
    serveConnections(task.credentials, task.connections),
  open: () => served.open(),
  settled: () => settled(),
});

export type ServerCalls = typeof calls;
