import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Tokens of Retry packets (RFC 9000, section 8.1.2): they tell the server, which has kept nothing, what it promised.
 * Layout: format (1 byte), expiry in ms since 1970 (8), length of the original id (1), the id, HMAC-SHA-256 cut to 16
 * bytes over all that, the client's address and port, and the connection id that the Retry gave.
 */
export class RetryTokens {
  constructor(
    private readonly key: Uint8Array,
    private readonly lifeMs: number,
  ) {}

  /** `nowMs` is wall-clock time. */
  issue(binding: TokenBinding, originalId: Uint8Array, nowMs: number): Uint8Array {
    const body = Buffer.alloc(HEADER_BYTES + originalId.length);
    body.writeUInt8(FORMAT, 0);
    body.writeBigUInt64BE(BigInt(Math.floor(nowMs + this.lifeMs)), 1);
    body.writeUInt8(originalId.length, 9);
    body.set(originalId, HEADER_BYTES);
    return Buffer.concat([body, this.mac(body, binding)]);
  }

  /** The original connection id, or why the token proves nothing. */
  verify(token: Uint8Array, binding: TokenBinding, nowMs: number): TokenVerdict {
    const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
    if (bytes.length < HEADER_BYTES + MAC_BYTES || bytes.readUInt8(0) !== FORMAT) return { kind: 'foreign' };
    const idBytes = bytes.readUInt8(9);
    if (bytes.length !== HEADER_BYTES + idBytes + MAC_BYTES) return { kind: 'foreign' };
    const body = bytes.subarray(0, HEADER_BYTES + idBytes);
    if (!timingSafeEqual(bytes.subarray(body.length), this.mac(body, binding))) return { kind: 'forged' };
    if (nowMs > Number(body.readBigUInt64BE(1))) return { kind: 'expired' };
    return { kind: 'valid', originalId: Uint8Array.from(body.subarray(HEADER_BYTES)) };
  }

  private mac(body: Uint8Array, binding: TokenBinding): Buffer {
    const hmac = createHmac('sha256', this.key).update(body);
    hmac.update(`${binding.address}\n${binding.port}\n`).update(binding.retryId);
    return hmac.digest().subarray(0, MAC_BYTES);
  }
}

/** Whom and what a token is for. */
export interface TokenBinding {
  readonly address: string;
  readonly port: number;
  /** Connection id that the Retry packet gave the client, and that its next Initial must use. */
  readonly retryId: Uint8Array;
}

export type TokenVerdict =
  | { readonly kind: 'valid'; readonly originalId: Uint8Array }
  | { readonly kind: 'foreign' | 'forged' | 'expired' };

const FORMAT = 1;
const HEADER_BYTES = 10;
const MAC_BYTES = 16;
