import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ClientAuthenticator, ServerAuthenticator } from '@kwik/session';

/**
 * A mechanism of one's own: a ticket names somebody and ends at some time, signed by whoever sells tickets. The client does not
 * send the ticket's secret, but proves that it has it, for this connection alone: the proof holds both nonces and the hash of
 * the certificate that the server showed. A server in the middle can do nothing with it.
 */
export const MECHANISM = 'x-ticket';

export interface Ticket {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly endsMs: number;
  readonly secret: Uint8Array;
}

/** `sellerKey`: shared by the seller and the servers; a client never has it. */
export function sellTicket(sellerKey: Uint8Array, name: string, endsMs: number): Ticket {
  return { name, endsMs, secret: secretOf(sellerKey, name, endsMs) };
}

export function ticketClient({ name, endsMs, secret }: Ticket): ClientAuthenticator {
  return {
    mechanism: MECHANISM,
    begin: (context) => ({
      initial: () => Buffer.from(JSON.stringify({ name, endsMs })),
      // The server asks with its nonce, and wants to see the secret used.
      respond: (_challenge, serverNonce) => proof(secret, { ...context, serverNonce }),
      satisfied: () => true,
    }),
  };
}

export function ticketServer(sellerKey: Uint8Array): ServerAuthenticator {
  return {
    mechanism: MECHANISM,
    begin: (context) => {
      let shown: { name: string; endsMs: number } | undefined;
      return {
        step(data) {
          if (shown === undefined) {
            shown = readTicket(data);
            return { kind: 'challenge', data: new Uint8Array(0) };
          }
          const expected = proof(secretOf(sellerKey, shown.name, shown.endsMs), context);
          const right = data.length === expected.length && timingSafeEqual(data, expected);
          const valid = right && shown.endsMs > context.nowMs;
          return { kind: 'decided', decision: valid ? { accepted: true, identity: shown.name } : { accepted: false } };
        },
      };
    },
  };
}

/** Whatever comes: a stranger's bytes are no ticket, and no error. */
function readTicket(data: Uint8Array): { name: string; endsMs: number } {
  try {
    const { name, endsMs } = JSON.parse(Buffer.from(data).toString()) as { name: unknown; endsMs: unknown };
    return { name: String(name), endsMs: Number(endsMs) };
  } catch {
    return { name: '', endsMs: 0 };
  }
}

function secretOf(sellerKey: Uint8Array, name: string, endsMs: number): Buffer {
  return createHmac('sha256', sellerKey)
    .update(JSON.stringify([name, endsMs]))
    .digest();
}

interface Connection {
  readonly clientNonce: Uint8Array;
  readonly serverNonce: Uint8Array;
  readonly channelBinding: Uint8Array;
}

/** Its parts have 32 bytes each, so that none can pass for a part of another. */
function proof(secret: Uint8Array, { clientNonce, serverNonce, channelBinding }: Connection): Buffer {
  const parts = [clientNonce, serverNonce, channelBinding];
  return parts.reduce((hmac, part) => hmac.update(part), createHmac('sha256', secret)).digest();
}
