import {
  CONTROL_LIMITS,
  KwikError,
  PRIMARY_PATH_ID,
  type PathId,
  type SessionId,
  errorCodeFromNumber,
  type proto,
  sessionIdFromBytes,
  sessionIdToBytes,
} from '@kwik/wire';
import type { ClientAuthExchange, ClientAuthenticator } from '../auth/authenticator.js';
import type { KcpBody } from '../channel/kcp-body.js';
import { equalBytes, ownBytes } from '../crypto/bytes.js';
import { ED25519_KEY_BYTES } from '../crypto/ed25519.js';
import { errorFromDetail, errorOfPeer, presentable } from '../errors/error-detail.js';
import {
  type PrimaryJoinTranscript,
  answerProven,
  proveJoin,
  provePrimaryJoin,
  proveRenewal,
  proveTakeover,
} from '../join/join-proof.js';
import { SESSION_SECRET_BYTES, type SessionKeys, deriveSessionKeys } from '../keys/session-keys.js';
import { peekTokenId } from '../tokens/path-token.js';
import {
  JOIN_MECHANISM,
  MAX_AUTH_ROUNDS,
  NONCE_BYTES,
  knownCapabilities,
  requireBytes,
  requireMechanisms,
  requireOwnChannel,
  violation,
} from './hello-rules.js';
import { resolveLimits } from './limits.js';
import { SUPPORTED_VERSIONS } from './version.js';

interface OpenPurpose {
  readonly kind: 'open';
  /** What stream 0 begins with: it goes with the hello, where there is room, and has to be written into the stream as well. */
  readonly early?: proto.EarlyData | undefined;
}

export interface JoinPurpose {
  readonly kind: 'join';
  readonly keys: SessionKeys;
  readonly pathId: PathId;
  /** From AddPath; empty to join at the primary itself (a re-established or multi-homed path). */
  readonly token: Uint8Array;
  /** `host:port` as the primary named the server. Without a token it is not used. */
  readonly audience: string;
  /** The path lives, leads to this server, and gets a new connection; without a token. Default: it does not. */
  readonly renews?: 'primary' | 'secondary';
  /** The server is to become the primary: it was the standby. Path 0, without a token. */
  readonly takeover?: proto.Takeover | undefined;
}

export interface ClientHandshakeOptions {
  readonly purpose: OpenPurpose | JoinPurpose;
  /** The preferred one first. Not used by joins. */
  readonly auth: readonly ClientAuthenticator[];
  readonly capabilities: readonly proto.Capability[];
  readonly limits: proto.Limits;
  /** Name and version of the software, at most 64 bytes. */
  readonly agent: string;
  /** SHA-256 of the leaf certificate that the server showed on the connection, 32 bytes: `PathTransport.channelBinding`. */
  readonly channelBinding: Uint8Array;
  /** Cryptographically strong random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Newest first. Default: SUPPORTED_VERSIONS. */
  readonly versions?: readonly number[];
}

export interface ClientHandshakeResult {
  readonly version: number;
  readonly sessionId: SessionId;
  /** 32 bytes; when this handshake opened the session. */
  readonly secret?: Uint8Array;
  readonly keys: SessionKeys;
  /** The Ed25519 key of the server that answered: what it signs tokens and grants with, if it is the primary. */
  readonly serverKey: Uint8Array;
  /** As the server says; made fit for a log line. */
  readonly serverId: string;
  readonly pathId: PathId;
  /** What the server can do. */
  readonly capabilities: proto.Capability[];
  /** What the server allows, defaults filled in. */
  readonly limits: proto.Limits;
}

export interface ClientStep {
  readonly send?: KcpBody;
  readonly done?: ClientHandshakeResult;
}

/**
 * The client's half of the handshake on one control stream. Send what `start` gives, then hand every message of the
 * server to `handle` until it is `done`. Sans-IO; the deadline is the caller's.
 */
export class ClientHandshake {
  readonly #options: ClientHandshakeOptions;
  readonly #versions: readonly number[];
  readonly #clientNonce: Uint8Array;
  #state: 'new' | 'waiting' | 'done' | 'failed' = 'new';
  /** The mechanism in use. */
  #auth: { readonly mechanism: string; readonly exchange: ClientAuthExchange } | undefined;
  #rounds = 0;
  #serverNonce: Uint8Array | undefined;

  /** Throws ERR_KWIK_INVALID_ARGUMENT for authenticators that cannot be offered. */
  constructor(options: ClientHandshakeOptions) {
    this.#options = options;
    this.#versions = options.versions ?? SUPPORTED_VERSIONS;
    requireMechanisms(options.auth.map(({ mechanism }) => mechanism));
    requireOwnChannel(options.channelBinding);
    if (options.purpose.kind === 'open' && options.auth.length === 0) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'opening a session takes at least one authenticator');
    }
    this.#clientNonce = options.random(NONCE_BYTES);
  }

  /** The ClientHello to send. Throws ERR_KWIK_TOKEN_INVALID for a token that cannot be read. */
  start(): KcpBody {
    if (this.#state !== 'new') throw new KwikError('ERR_KWIK_INVALID_STATE', 'the handshake has been started');
    this.#state = 'waiting';
    const { purpose, auth, capabilities, limits, agent, channelBinding } = this.#options;
    const open = purpose.kind === 'open';
    const authInitial = open ? this.#beginAuth(auth[0] as ClientAuthenticator) : new Uint8Array(0);
    return {
      $case: 'clientHello',
      value: {
        versions: [...this.#versions],
        capabilities: [...capabilities],
        limits,
        clientNonce: this.#clientNonce,
        authMechanisms: open ? auth.map(({ mechanism }) => mechanism) : [],
        authInitial,
        join: open ? undefined : makeJoin(purpose, this.#clientNonce, channelBinding),
        agent,
        channelBinding,
        early: open ? fitting(purpose.early, authInitial) : undefined,
      },
    };
  }

  /**
   * Takes a message of the server. Throws the KwikError with which the server refused, or ERR_KWIK_PROTOCOL_VIOLATION,
   * ERR_KWIK_INVALID_MESSAGE, ERR_KWIK_AUTH_FAILED for a server that breaks the rules; the handshake is over then.
   */
  handle(body: KcpBody): ClientStep {
    if (this.#state !== 'waiting') throw new KwikError('ERR_KWIK_INVALID_STATE', `the handshake is ${this.#state}`);
    try {
      return this.#handle(body);
    } catch (error) {
      this.#state = 'failed';
      throw KwikError.from(error);
    }
  }

  #handle(body: KcpBody): ClientStep {
    switch (body.$case) {
      case 'serverHello': {
        const done = this.#finish(body.value);
        this.#state = 'done';
        return { done };
      }
      case 'authChallenge':
        return { send: { $case: 'authResponse', value: this.#respond(body.value) } };
      case 'error':
        throw errorFromDetail(body.value);
      case 'close':
        throw errorOfPeer(errorCodeFromNumber(body.value.code), body.value.reason);
      default:
        throw violation(`${body.$case} in the middle of the handshake`);
    }
  }

  #beginAuth(authenticator: ClientAuthenticator): Uint8Array {
    const exchange = authenticator.begin({
      clientNonce: this.#clientNonce,
      channelBinding: this.#options.channelBinding,
    });
    this.#auth = { mechanism: authenticator.mechanism, exchange };
    return exchange.initial();
  }

  #respond({ mechanism, data, serverNonce }: proto.AuthChallenge): proto.AuthResponse {
    const { purpose } = this.#options;
    if (++this.#rounds > MAX_AUTH_ROUNDS) throw violation(`more than ${MAX_AUTH_ROUNDS} challenges`);
    this.#checkNonce(serverNonce);
    if (purpose.kind === 'join') return { mechanism, data: this.#proveJoin(purpose, mechanism, serverNonce) };
    if (this.#auth?.mechanism === mechanism) return { mechanism, data: this.#auth.exchange.respond(data, serverNonce) };
    const offered = this.#options.auth;
    const chosen = offered.find((one) => one.mechanism === mechanism);
    // Only once, and at the start: a server that changes its mind may be trying what it can get.
    if (chosen === undefined || this.#rounds > 1) {
      const names = offered.map((one) => one.mechanism).join(', ');
      const asked = presentable(mechanism, 64);
      throw new KwikError('ERR_KWIK_AUTH_FAILED', `the server asks for authentication by ${asked}, offered: ${names}`);
    }
    return { mechanism, data: this.#beginAuth(chosen) };
  }

  #proveJoin(purpose: JoinPurpose, mechanism: string, serverNonce: Uint8Array): Uint8Array {
    if (purpose.token.length > 0 || mechanism !== JOIN_MECHANISM || this.#rounds > 1) {
      throw violation('a challenge to a joining path');
    }
    return proverOf(purpose)(purpose.keys, this.#transcript(purpose, serverNonce));
  }

  #transcript({ keys: { sessionId }, pathId }: JoinPurpose, serverNonce: Uint8Array): PrimaryJoinTranscript {
    const { channelBinding } = this.#options;
    return { sessionId, clientNonce: this.#clientNonce, serverNonce, pathId, channelBinding };
  }

  #finish(hello: proto.ServerHello): ClientHandshakeResult {
    const { purpose } = this.#options;
    if (purpose.kind === 'join' && purpose.token.length === 0 && this.#rounds === 0) {
      throw violation('the server asked for no proof of the session');
    }
    if (!this.#versions.includes(hello.version)) {
      throw violation(`the server chose version ${hello.version}, which was not offered`);
    }
    requireBytes(hello.sessionId, 16, 'the session id');
    requireBytes(hello.serverKey, ED25519_KEY_BYTES, "the server's key");
    this.#checkNonce(hello.serverNonce);
    const common = {
      version: hello.version,
      serverKey: ownBytes(hello.serverKey),
      serverId: presentable(hello.serverId, 128),
      capabilities: knownCapabilities(hello.capabilities),
      limits: resolveLimits(hello.limits),
    };
    if (purpose.kind === 'open') return { ...common, ...this.#opened(hello) };
    const path = joined(hello, purpose);
    this.#checkAnswer(hello, purpose);
    return { ...common, ...path };
  }

  #opened(hello: proto.ServerHello): Pick<ClientHandshakeResult, 'sessionId' | 'secret' | 'keys' | 'pathId'> {
    if (this.#auth?.exchange.satisfied() !== true) {
      const mechanism = this.#auth?.mechanism ?? 'nothing';
      throw new KwikError('ERR_KWIK_AUTH_FAILED', `authentication by ${mechanism}: the server left it out`);
    }
    requireBytes(hello.sessionSecret, SESSION_SECRET_BYTES, 'the session secret');
    if (hello.pathId !== PRIMARY_PATH_ID) throw violation('the first path of a session is not path 0');
    const sessionId = sessionIdFromBytes(hello.sessionId);
    const keys = deriveSessionKeys(sessionId, hello.sessionSecret);
    return { sessionId, secret: keys.secret, keys, pathId: PRIMARY_PATH_ID };
  }

  /** TLS let this server through; that it is the primary, and not another server of that authority, it must prove. */
  #checkAnswer({ proof, serverNonce }: proto.ServerHello, purpose: JoinPurpose): void {
    // A secondary does not know the secret. It gets nothing that is not for it: the token names it, and no other.
    const toSecondary = purpose.token.length > 0 || purpose.renews === 'secondary';
    if (toSecondary && proof.length === 0) return;
    if (answerProven(purpose.keys, this.#transcript(purpose, serverNonce), proof)) return;
    const how = proof.length === 0 ? 'gave no proof' : 'gave a wrong proof';
    const text = `the server that answered is not the primary of this session: it ${how} that it holds its secret`;
    throw new KwikError('ERR_KWIK_PROOF_INVALID', text);
  }

  #checkNonce(serverNonce: Uint8Array): void {
    requireBytes(serverNonce, NONCE_BYTES, "the server's nonce");
    this.#serverNonce ??= ownBytes(serverNonce);
    if (!equalBytes(this.#serverNonce, serverNonce)) throw violation("the server's nonce changed");
  }
}

/** A stranger's message has 20,480 bytes at most, and the authentication may need most of them. */
function fitting(early: proto.EarlyData | undefined, authInitial: Uint8Array): proto.EarlyData | undefined {
  const bytes = authInitial.length + (early?.data.length ?? 0);
  return bytes <= CONTROL_LIMITS.authBytes ? early : undefined;
}

function proverOf({ renews, takeover }: JoinPurpose): typeof provePrimaryJoin {
  if (takeover !== undefined) return proveTakeover;
  return renews === undefined ? provePrimaryJoin : proveRenewal;
}

function makeJoin(
  { keys, pathId, token, audience, renews, takeover }: JoinPurpose,
  clientNonce: Uint8Array,
  channelBinding: Uint8Array,
): proto.Join {
  const { sessionId } = keys;
  const hello = { sessionId: sessionIdToBytes(sessionId), token, pathId, renewal: renews !== undefined, takeover };
  // The primary asks for the proof by a challenge.
  if (token.length === 0) return { ...hello, proof: new Uint8Array(0) };
  const tokenId = peekTokenId(token);
  if (tokenId === undefined) throw new KwikError('ERR_KWIK_TOKEN_INVALID', 'the path token cannot be read');
  return { ...hello, proof: proveJoin(keys, { sessionId, tokenId, clientNonce, audience, pathId, channelBinding }) };
}

function joined(
  hello: proto.ServerHello,
  { keys, pathId }: JoinPurpose,
): Pick<ClientHandshakeResult, 'sessionId' | 'keys' | 'pathId'> {
  if (!equalBytes(hello.sessionId, sessionIdToBytes(keys.sessionId)))
    throw violation('the server names another session');
  if (hello.pathId !== pathId) throw violation(`the server names path ${hello.pathId}, not ${pathId}`);
  if (hello.sessionSecret.length > 0) throw violation('a secret in the answer to a join');
  return { sessionId: keys.sessionId, keys, pathId };
}
