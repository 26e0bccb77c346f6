import { createPublicKey, diffieHellman, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { OrderedPieces } from './ordered-pieces.js';
import { expandLabel, hkdfExtract, hmac, keysOf, sha256, type PacketKeys } from './packet-keys.js';

const X25519 = 0x1d;
const X25519_SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const SIGNATURES = [0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0807, 0x0401];
const KEY_BYTES = 32;
const ZEROS: Buffer = Buffer.alloc(KEY_BYTES);

const MESSAGE = { serverHello: 2, certificate: 11, certificateRequest: 13, finished: 20 } as const;

/** The keys of both directions at one level. */
interface LevelKeys {
  readonly client: PacketKeys;
  readonly server: PacketKeys;
}

/** What a message of the server brought: new keys, or the end of the handshake with the client's last flight. */
export type TlsStep =
  | { readonly kind: 'handshakeKeys'; readonly keys: LevelKeys }
  | { readonly kind: 'finished'; readonly keys: LevelKeys; readonly flight: Buffer };

/**
 * A client of TLS 1.3 for QUIC that verifies nothing: enough to get keys from a server under test. One suite
 * (AES-128-GCM), one group (X25519), an empty certificate when one is asked for.
 */
export class TlsClient {
  readonly #privateKey: KeyObject;
  readonly #transcript: Buffer[] = [];
  readonly hello: Buffer;
  #clientSecret: Buffer = ZEROS;
  #master: Buffer = ZEROS;
  #certificateWanted = false;
  /** The server's certificate, DER; empty before it came. */
  leaf: Buffer = Buffer.alloc(0);

  constructor(alpn: string, transportParameters: Buffer) {
    const pair = generateKeyPairSync('x25519');
    this.#privateKey = pair.privateKey;
    const share = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES);
    this.hello = clientHello(alpn, share, transportParameters);
    this.#transcript.push(this.hello);
  }

  handle(message: Buffer): TlsStep | undefined {
    this.#transcript.push(Buffer.from(message));
    if (message[0] === MESSAGE.serverHello) return this.#handleHello(message);
    if (message[0] === MESSAGE.certificate) this.leaf = leafOf(message);
    if (message[0] === MESSAGE.certificateRequest) this.#certificateWanted = true;
    return message[0] === MESSAGE.finished ? this.#finish() : undefined;
  }

  #handleHello(message: Buffer): TlsStep {
    const publicKey = createPublicKey({
      key: Buffer.concat([X25519_SPKI_PREFIX, keyShare(message)]),
      format: 'der',
      type: 'spki',
    });
    const shared = diffieHellman({ privateKey: this.#privateKey, publicKey });
    const early = hkdfExtract(ZEROS, ZEROS);
    const secret = hkdfExtract(expandLabel(early, 'derived', sha256(Buffer.alloc(0))), shared);
    const hash = this.#hash();
    this.#clientSecret = expandLabel(secret, 'c hs traffic', hash);
    this.#master = hkdfExtract(expandLabel(secret, 'derived', sha256(Buffer.alloc(0))), ZEROS);
    return {
      kind: 'handshakeKeys',
      keys: { client: keysOf(this.#clientSecret), server: keysOf(expandLabel(secret, 's hs traffic', hash)) },
    };
  }

  #finish(): TlsStep {
    const hash = this.#hash();
    const keys = {
      client: keysOf(expandLabel(this.#master, 'c ap traffic', hash)),
      server: keysOf(expandLabel(this.#master, 's ap traffic', hash)),
    };
    const flight: Buffer[] = [];
    if (this.#certificateWanted) {
      const none = Buffer.from([MESSAGE.certificate, 0, 0, 4, 0, 0, 0, 0]);
      this.#transcript.push(none);
      flight.push(none);
    }
    const proof = hmac(expandLabel(this.#clientSecret, 'finished'), this.#hash());
    flight.push(Buffer.concat([Buffer.from([MESSAGE.finished, 0, 0, proof.length]), proof]));
    return { kind: 'finished', keys, flight: Buffer.concat(flight) };
  }

  #hash(): Buffer {
    return sha256(Buffer.concat(this.#transcript));
  }
}

/** Cuts the bytes of one level into messages. */
export class HandshakeReader {
  readonly #pieces = new OrderedPieces();
  #bytes: Buffer = Buffer.alloc(0);

  push(offset: number, bytes: Buffer): Buffer[] {
    this.#bytes = Buffer.concat([this.#bytes, this.#pieces.push(offset, bytes)]);
    const messages: Buffer[] = [];
    while (this.#bytes.length >= 4) {
      const length = 4 + this.#bytes.readUIntBE(1, 3);
      if (this.#bytes.length < length) break;
      messages.push(this.#bytes.subarray(0, length));
      this.#bytes = this.#bytes.subarray(length);
    }
    return messages;
  }
}

function clientHello(alpn: string, share: Buffer, transportParameters: Buffer): Buffer {
  const extensions = [
    extension(10, vector16(uint16(X25519))),
    extension(13, vector16(Buffer.concat(SIGNATURES.map(uint16)))),
    extension(16, vector16(vector8(Buffer.from(alpn)))),
    extension(43, vector8(uint16(0x0304))),
    extension(45, vector8(Buffer.from([1]))),
    extension(51, vector16(Buffer.concat([uint16(X25519), vector16(share)]))),
    extension(0x39, transportParameters),
  ];
  const body = Buffer.concat([
    uint16(0x0303),
    randomBytes(KEY_BYTES),
    vector8(Buffer.alloc(0)),
    vector16(uint16(0x1301)),
    vector8(Buffer.from([0])),
    vector16(Buffer.concat(extensions)),
  ]);
  return Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 0xff]), body]);
}

/** The first certificate of the message (RFC 8446, section 4.4.2). */
function leafOf(message: Buffer): Buffer {
  const listAt = 4 + 1 + (message[4] ?? 0) + 3;
  return Buffer.from(message.subarray(listAt + 3, listAt + 3 + message.readUIntBE(listAt, 3)));
}

function keyShare(hello: Buffer): Buffer {
  let at = 4 + 2 + KEY_BYTES;
  at += 1 + (hello[at] ?? 0); // the session id that it echoes
  at += 2 + 1; // suite and compression
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  while (at < end) {
    const kind = hello.readUInt16BE(at);
    if (kind === 51) return hello.subarray(at + 8, at + 8 + KEY_BYTES);
    at += 4 + hello.readUInt16BE(at + 2);
  }
  throw new Error('the server sent no key share');
}

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const vector8 = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([bytes.length]), bytes]);
const vector16 = (bytes: Buffer): Buffer => Buffer.concat([uint16(bytes.length), bytes]);
const extension = (kind: number, bytes: Buffer): Buffer => Buffer.concat([uint16(kind), vector16(bytes)]);
