import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { CONTROL_LIMITS, decodeSessionTicket, KwikError, proto, type SessionId, sessionIdToBytes } from '@kwik/wire';
import { concat, equalBytes, ownBytes, utf8 } from '../crypto/bytes.js';
import { deriveSessionKeys, type SessionKeys } from '../keys/session-keys.js';
import { decodedOrUndefined } from '../tokens/envelope.js';
import { CLOCK_SKEW_MS } from '../tokens/path-token.js';

/** Of a key that the servers of a fleet share. */
export const FLEET_KEY_BYTES = 32;
/** Nobody has a use for an older one: the primary renews it long before. */
export const MAX_TICKET_LIFE_MS = 3600 * 1000;
export const TICKET_ID_BYTES = 16;
/** The one to seal with, and those before it. */
const MAX_FLEET_KEYS = 4;

/** Says how the rest is to be read. */
const VERSION = 1;
const KEY_ID_BYTES = 4;
/** As many bytes as the key that is made with it: no two tickets have the same key. */
const SALT_BYTES = 32;
const HEADER_BYTES = 1 + KEY_ID_BYTES + SALT_BYTES;
const CIPHER = 'aes-256-gcm';
const CIPHER_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Separate the uses of a fleet key from each other. */
const KEY_ID_INFO = 'kwik fleet key id v1';
const TICKET_INFO = 'kwik session ticket v1';

export interface SessionTicketFields {
  readonly keys: SessionKeys;
  /** 16 bytes, random. */
  readonly ticketId: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
  /** How the client is known, if it is. */
  readonly identity?: string | undefined;
  /** Ed25519 public keys of the session's primaries, the newest first: content that they granted goes on. */
  readonly grantKeys: readonly Uint8Array[];
  /** Who seals it: the server's name for itself, or its address; shown to people, and believed by nobody. Empty: not known. */
  readonly primary: string;
  /** How many primaries the session had before that one. */
  readonly takeovers: number;
}

interface FleetKey {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * Sealed sessions: what a primary gives its client for a standby of the same fleet, as TLS does with its session tickets
 * (RFC 5077). Whoever has a fleet key can become the primary of every session whose client was told to go there.
 */
export class SessionTickets {
  readonly #keys: readonly FleetKey[];

  /**
   * `keys`: 32 secret random bytes each. The first one seals; those behind it, from before it, still open. Throws
   * ERR_KWIK_INVALID_ARGUMENT.
   */
  constructor(keys: readonly Uint8Array[]) {
    if (keys.length === 0 || keys.length > MAX_FLEET_KEYS || keys.some(({ length }) => length !== FLEET_KEY_BYTES)) {
      const text = `1 to ${MAX_FLEET_KEYS} fleet keys of ${FLEET_KEY_BYTES} bytes each are needed`;
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
    }
    this.#keys = keys.map((key) => ({
      id: derive(key, new Uint8Array(0), KEY_ID_INFO, KEY_ID_BYTES),
      key: ownBytes(key),
    }));
  }

  /** Undefined for a client whose name is too long to travel. `random`: cryptographically strong random bytes. */
  seal(fields: SessionTicketFields, random: (bytes: number) => Uint8Array): Uint8Array | undefined {
    const { keys, ticketId, expiresMs, identity } = fields;
    if (identity !== undefined && utf8(identity).length > CONTROL_LIMITS.identityBytes) return undefined;
    const ticket: proto.SessionTicket = {
      sessionId: sessionIdToBytes(keys.sessionId),
      sessionSecret: keys.secret,
      ticketId,
      expiresMs: BigInt(Math.trunc(expiresMs)),
      identity,
      grantKeys: fields.grantKeys.slice(0, CONTROL_LIMITS.grantKeys).map(ownBytes),
      primary: utf8(fields.primary).length > CONTROL_LIMITS.addressBytes ? '' : fields.primary,
      takeovers: fields.takeovers,
    };
    const { id, key } = this.#keys[0]!;
    const header = concat([Uint8Array.of(VERSION), id, random(SALT_BYTES)]);
    const { cipherKey, nonce } = cipherOf(key, header);
    const cipher = createCipheriv(CIPHER, cipherKey, nonce).setAAD(header);
    const sealed = [cipher.update(proto.SessionTicket.encode(ticket).finish()), cipher.final()];
    return concat([header, ...sealed, cipher.getAuthTag()]);
  }

  /**
   * The session that the ticket holds, if it is of this fleet, for this session, and in time. That its bearer is the session's
   * client is another matter. Throws ERR_KWIK_TOKEN_INVALID or ERR_KWIK_TOKEN_EXPIRED.
   */
  open(bytes: Uint8Array, sessionId: SessionId, nowMs: number): SessionTicketFields {
    const plain = this.#unseal(bytes);
    const ticket = plain && decodedOrUndefined(() => decodeSessionTicket(plain));
    if (ticket === undefined) throw new KwikError('ERR_KWIK_TOKEN_INVALID', 'no ticket of this fleet');
    if (!equalBytes(ticket.sessionId, sessionIdToBytes(sessionId))) {
      throw new KwikError('ERR_KWIK_TOKEN_INVALID', 'the ticket is for another session');
    }
    const expiresMs = Number(ticket.expiresMs);
    if (nowMs >= expiresMs + CLOCK_SKEW_MS || expiresMs > nowMs + MAX_TICKET_LIFE_MS + CLOCK_SKEW_MS) {
      throw new KwikError('ERR_KWIK_TOKEN_EXPIRED', 'the session ticket is not in its time');
    }
    return {
      keys: deriveSessionKeys(sessionId, ticket.sessionSecret),
      ticketId: ownBytes(ticket.ticketId),
      expiresMs,
      identity: ticket.identity,
      grantKeys: ticket.grantKeys.map(ownBytes),
      primary: ticket.primary,
      takeovers: ticket.takeovers,
    };
  }

  #unseal(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length <= HEADER_BYTES + TAG_BYTES || bytes.length > CONTROL_LIMITS.ticketBytes) return undefined;
    const header = bytes.subarray(0, HEADER_BYTES);
    const id = header.subarray(1, 1 + KEY_ID_BYTES);
    const known = this.#keys.find((one) => equalBytes(one.id, id));
    if (header[0] !== VERSION || known === undefined) return undefined;
    const { cipherKey, nonce } = cipherOf(known.key, header);
    const decipher = createDecipheriv(CIPHER, cipherKey, nonce, { authTagLength: TAG_BYTES }).setAAD(header);
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return concat([decipher.update(bytes.subarray(HEADER_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  /** Keys stay out of logs. */
  toJSON(): unknown {
    return { keys: this.#keys.length };
  }
}

/** The header names the fleet key and holds the salt; it is authenticated with what it seals. */
function cipherOf(key: Uint8Array, header: Uint8Array): { cipherKey: Uint8Array; nonce: Uint8Array } {
  const made = derive(key, header.subarray(1 + KEY_ID_BYTES), TICKET_INFO, CIPHER_KEY_BYTES + NONCE_BYTES);
  return { cipherKey: made.subarray(0, CIPHER_KEY_BYTES), nonce: made.subarray(CIPHER_KEY_BYTES) };
}

function derive(key: Uint8Array, salt: Uint8Array, info: string, bytes: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, bytes));
}
