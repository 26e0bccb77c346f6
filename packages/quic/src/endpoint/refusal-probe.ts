import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Clock, TransportAddress } from '@kwik/wire';

/** A handshake that was not answered by then looks for the reason. On loopback that is at once, far away never. */
const PROBE_AFTER_MS = 100;
/** How long the answer to the probe is waited for. */
const LISTEN_MS = 2_000;
/** One byte, which no QUIC endpoint takes for a packet (RFC 9000, section 17: the fixed bit is clear). */
const PROBE = Uint8Array.of(0);

/**
 * Finds out that nobody listens on a UDP port. The kernel tells only a connected socket of an ICMP "port unreachable",
 * and the endpoint's socket serves many peers, so an unanswered dial asks with a socket of its own.
 */
export function probeRefusal(
  remote: TransportAddress,
  clock: Clock,
  onRefused: (cause: Error) => void,
): { cancel(): void } {
  let socket: ReturnType<typeof createSocket> | undefined;
  let done = false;
  const finish = (): void => {
    done = true;
    first.cancel();
    end.cancel();
    socket?.close();
    socket = undefined;
  };
  const first = clock.schedule(PROBE_AFTER_MS, () => {
    const probe = createSocket(isIPv6(remote.address) ? 'udp6' : 'udp4');
    socket = probe;
    probe.unref();
    const failed = (error: NodeJS.ErrnoException): void => {
      if (done) return;
      finish();
      if (error.code === 'ECONNREFUSED') onRefused(error);
    };
    probe.on('error', failed);
    // Node hands an error to the callback of `connect` (its types do not say so): then the socket is not connected, and
    // `send` would throw. Any other error than a refusal tells nothing of the peer: the handshake's own time limit does.
    const connected = (error?: Error): void => {
      if (error !== undefined) failed(error);
      else if (!done) probe.send(PROBE, () => undefined);
    };
    probe.connect(remote.port, remote.address, connected);
  });
  const end = clock.schedule(PROBE_AFTER_MS + LISTEN_MS, finish);
  return { cancel: () => (done ? undefined : finish()) };
}
