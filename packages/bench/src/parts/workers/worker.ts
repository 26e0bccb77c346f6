/** One of several processes that share an address: its sessions echo, or send bulk. */
import { listen, workerSeat } from '@kwik/session';
import type { Credentials } from '../../harness/certificates.js';
import { answerSessions } from '../scale/answering.js';

/** All clients are of one address, and faster than a stranger should be let in. */
const HANDSHAKES_PER_SECOND = 20_000;

export interface WorkerPayload {
  readonly credentials: Credentials;
  readonly sessions: number;
}

const seat = await workerSeat();
const { credentials, sessions } = seat.payload as WorkerPayload;
const listener = await listen({
  worker: seat,
  credentials: { cert: credentials.certPem, key: credentials.keyPem },
  limits: {
    maxSessions: sessions,
    maxConnectionsPerAddress: sessions,
    handshakesPerSecondPerAddress: HANDSHAKES_PER_SECOND,
  },
});
seat.onDrain(() => process.exit(0));
await answerSessions(listener);
