import type { proto } from '@kwik/wire';
import {
  KwikError,
  PRIMARY_PATH_ID,
  type PathId,
  type SessionId,
  sessionIdFromBytes,
  sessionIdToBytes,
  toPathId,
} from '@kwik/wire';
import type { AuthDecision, AuthStep, ServerAuthExchange, ServerAuthenticator } from '../auth/authenticator.js';
import type { KcpBody } from '../channel/kcp-body.js';
import { equalBytes, ownBytes } from '../crypto/bytes.js';
import { errorToDetail, presentable } from '../errors/error-detail.js';
import {
  type PrimaryJoinTranscript,
  primaryJoinProven,
  proveAnswer,
  renewalProven,
  takeoverProven,
} from '../join/join-proof.js';
import { type SessionKeys, deriveSessionKeys } from '../keys/session-keys.js';
import {
  JOIN_MECHANISM,
  MAX_AUTH_ROUNDS,
  NONCE_BYTES,
  knownCapabilities,
  requireBytes,
  requireMechanisms,
  requireOwnChannel,
  requireSameChannel,
  violation,
} from './hello-rules.js';
import { resolveLimits } from './limits.js';
import type {
  RenewablePath,
  ServerHandshakeOptions,
  ServerHandshakeResult,
  ServerStep,
  TakenSession,
} from './server-contract.js';
import { SUPPORTED_VERSIONS, negotiateVersion } from './version.js';

/** What a ClientHello said, checked. */
interface Greeting {
  readonly version: number;
  readonly clientNonce: Uint8Array;
  readonly peerLimits: proto.Limits;
  readonly peerCapabilities: proto.Capability[];
  readonly agent: string;
  readonly early: proto.EarlyData | undefined;
}

/** The path that a client says it has a right to. */
interface ProvenPath {
  readonly sessionId: SessionId;
  readonly pathId: PathId;
  /** It lives, and gets a new connection. */
  readonly renewal: boolean;
  /** This server is to become the primary. */
  readonly taken?: TakenSession | undefined;
}

type ProvenJoin = ProvenPath & { readonly greeting: Greeting };

type State =
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'authenticating';
      readonly greeting: Greeting;
      readonly authenticator: ServerAuthenticator;
      readonly exchange: ServerAuthExchange;
      readonly rounds: number;
    }
  | { readonly kind: 'deciding' }
  /** A path without a token was asked to prove that it holds the session. */
  | ({ readonly kind: 'proving'; readonly greeting: Greeting } & ProvenPath)
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly error: KwikError };

/**
 * The server's half of the handshake on one control stream. Hand every message of the client to `handle` and do what
 * the step says. Never throws for what a peer does: that gives `refused`. Sans-IO; the deadline is the caller's.
 */
export class ServerHandshake {
  readonly #options: ServerHandshakeOptions;
  readonly #serverNonce: Uint8Array;
  #state: State = { kind: 'waiting' };

  constructor(options: ServerHandshakeOptions) {
    requireMechanisms(options.auth.map(({ mechanism }) => mechanism));
    requireOwnChannel(options.channelBinding);
    this.#options = options;
    this.#serverNonce = options.random(NONCE_BYTES);
  }

  /** A server that seals sessions asks no more than whether they could be opened here: it was told so, by the challenge. */
  get couldTakeOver(): boolean {
    return this.#state.kind === 'proving' && this.#state.taken !== undefined;
  }

  /** `nowMs`: wall clock, milliseconds since 1970. */
  handle(body: KcpBody, nowMs: number): ServerStep {
    return this.#guarded(() => {
      const state = this.#state;
      switch (state.kind) {
        case 'waiting':
          if (body.$case !== 'clientHello') throw violation(`${body.$case} before the hello`);
          return this.#greet(body.value, nowMs);
        case 'authenticating':
          if (body.$case !== 'authResponse') throw violation(`${body.$case} in the middle of authentication`);
          if (body.value.mechanism !== state.authenticator.mechanism)
            throw violation('a response of another mechanism');
          return this.#authStep(state, state.exchange.step(body.value.data));
        case 'proving':
          if (body.$case !== 'authResponse') throw violation(`${body.$case} in the middle of a join`);
          if (body.value.mechanism !== JOIN_MECHANISM) throw violation('a response of another mechanism');
          return this.#joinProven(state, body.value.data);
        case 'deciding':
          throw violation(`${body.$case} before the server has answered`);
        case 'accepted':
          throw violation(`${body.$case} after the handshake`);
        case 'refused':
          throw state.error;
      }
    });
  }

  #greet(hello: proto.ClientHello, nowMs: number): ServerStep {
    const version = negotiateVersion(hello.versions, this.#options.versions ?? SUPPORTED_VERSIONS);
    requireBytes(hello.clientNonce, NONCE_BYTES, "the client's nonce");
    requireSameChannel(hello.channelBinding, this.#options.channelBinding);
    const greeting: Greeting = {
      version,
      clientNonce: hello.clientNonce,
      peerLimits: resolveLimits(hello.limits),
      peerCapabilities: knownCapabilities(hello.capabilities),
      agent: presentable(hello.agent, 64),
      early: hello.early && { ...hello.early, data: ownBytes(hello.early.data) },
    };
    const { join } = hello;
    if (join === undefined) return this.#startAuth(hello, greeting, nowMs);
    if (greeting.early !== undefined) throw violation('early data of a path that joins');
    if (join.renewal && join.token.length > 0) throw violation('a token for a path that is renewed');
    if (join.takeover !== undefined) requireFirstPath(join);
    return join.token.length === 0
      ? this.#challengeJoin(join, greeting, nowMs)
      : this.#accept(greeting, this.#joinByToken(join, greeting, nowMs));
  }

  #startAuth({ authMechanisms, authInitial }: proto.ClientHello, greeting: Greeting, nowMs: number): ServerStep {
    const { auth, peerCertificates, channelBinding, random } = this.#options;
    const authenticator = firstInCommon(authMechanisms, auth);
    const exchange = authenticator.begin({
      clientNonce: greeting.clientNonce,
      serverNonce: this.#serverNonce,
      channelBinding,
      peerCertificates,
      nowMs,
      random,
    });
    const state = { kind: 'authenticating', greeting, authenticator, exchange, rounds: 0 } as const;
    // The first message in the hello belongs to the client's first choice; for another one it must be asked.
    const step: AuthStep =
      authenticator.mechanism === authMechanisms[0]
        ? exchange.step(authInitial)
        : { kind: 'challenge', data: new Uint8Array(0) };
    return this.#authStep(state, step);
  }

  #authStep(state: Extract<State, { kind: 'authenticating' }>, step: AuthStep): ServerStep {
    const { authenticator, greeting } = state;
    const { mechanism } = authenticator;
    switch (step.kind) {
      case 'challenge': {
        const rounds = state.rounds + 1;
        if (rounds > MAX_AUTH_ROUNDS) throw violation(`more than ${MAX_AUTH_ROUNDS} challenges`);
        this.#state = { ...state, rounds };
        const value = { mechanism, data: step.data, serverNonce: this.#serverNonce };
        return { kind: 'reply', body: { $case: 'authChallenge', value } };
      }
      case 'decided':
        return this.#decided(greeting, mechanism, step.decision);
      case 'ask':
        this.#state = { kind: 'deciding' };
        return {
          kind: 'decide',
          mechanism,
          data: step.data,
          check: authenticator.check,
          decide: (decision) => this.#lateDecision(greeting, mechanism, decision),
        };
    }
  }

  #lateDecision(greeting: Greeting, mechanism: string, decision: AuthDecision): ServerStep {
    const state = this.#state;
    if (state.kind !== 'deciding' && state.kind !== 'refused') {
      throw new KwikError('ERR_KWIK_INVALID_STATE', 'this handshake has been decided');
    }
    return this.#guarded(() => {
      // The peer broke a rule while somebody thought about it: nothing can admit it any more.
      if (state.kind === 'refused') throw state.error;
      return this.#decided(greeting, mechanism, decision);
    });
  }

  #decided(greeting: Greeting, mechanism: string, decision: AuthDecision): ServerStep {
    if (!decision.accepted) {
      throw new KwikError('ERR_KWIK_AUTH_FAILED', `authentication by ${mechanism} was refused`);
    }
    const keys = deriveSessionKeys(this.#options.makeSessionId(), this.#options.sessionSecret());
    const identity = decision.identity === undefined ? {} : { identity: decision.identity };
    const { sessionId } = keys;
    const early = greeting.early && { early: greeting.early };
    const pathId = PRIMARY_PATH_ID;
    return this.#accept(greeting, { kind: 'open', sessionId, keys, pathId, mechanism, ...identity, ...early });
  }

  #challengeJoin(join: proto.Join, greeting: Greeting, nowMs: number): ServerStep {
    requireBytes(join.sessionId, 16, 'the session id');
    const sessionId = sessionIdFromBytes(join.sessionId);
    const taken = join.takeover && this.#takenSession(join.takeover, sessionId, nowMs);
    const path = { sessionId, pathId: toPathId(join.pathId), renewal: join.renewal, taken };
    if (join.renewal) this.#requirePath(path);
    else if (taken === undefined) this.#requireSession(sessionId);
    this.#state = { kind: 'proving', greeting, ...path };
    const value = { mechanism: JOIN_MECHANISM, data: new Uint8Array(0), serverNonce: this.#serverNonce };
    return { kind: 'reply', body: { $case: 'authChallenge', value } };
  }

  /** The ticket says nothing of who brings it: that is proven by the answer to the challenge. */
  #takenSession(state: proto.Takeover, sessionId: SessionId, nowMs: number): TakenSession {
    const { openTicket } = this.#options;
    if (openTicket === undefined) {
      throw new KwikError('ERR_KWIK_SESSION_NOT_FOUND', 'this server takes no sessions over');
    }
    return { ticket: openTicket(state.ticket, sessionId, nowMs), state: { ...state, ticket: new Uint8Array(0) } };
  }

  #joinProven(state: Extract<State, { kind: 'proving' }>, proof: Uint8Array): ServerStep {
    const { greeting, sessionId, pathId, renewal, taken } = state;
    if (taken !== undefined) return this.#takeoverProven(state, taken, proof);
    // Asked again: the session may have ended since the challenge.
    const { possessionKey, keys } = renewal ? this.#requirePath(state) : this.#requireSession(sessionId);
    const transcript = this.#transcript(greeting, sessionId, pathId);
    const isProven = renewal ? renewalProven : primaryJoinProven;
    if (!isProven(possessionKey, transcript, proof)) throw new KwikError('ERR_KWIK_PROOF_INVALID');
    return this.#accept(
      greeting,
      renewal || keys === undefined
        ? { kind: 'renew', sessionId, pathId, ...(keys !== undefined && { keys }) }
        : { kind: 'join-primary', sessionId, pathId, keys },
    );
  }

  #takeoverProven({ greeting, sessionId, pathId }: ProvenJoin, taken: TakenSession, proof: Uint8Array): ServerStep {
    const { keys, identity } = taken.ticket;
    const transcript = this.#transcript(greeting, sessionId, pathId);
    if (!takeoverProven(keys.possession.publicKey, transcript, proof)) throw new KwikError('ERR_KWIK_PROOF_INVALID');
    const known = identity === undefined ? {} : { identity };
    return this.#accept(greeting, { kind: 'takeover', sessionId, pathId, keys, taken, ...known });
  }

  #transcript({ clientNonce }: Greeting, sessionId: SessionId, pathId: PathId): PrimaryJoinTranscript {
    const { channelBinding } = this.#options;
    return { sessionId, clientNonce, serverNonce: this.#serverNonce, pathId, channelBinding };
  }

  /** Throws ERR_KWIK_PATH_NOT_FOUND. */
  #requirePath({ sessionId, pathId }: ProvenPath): RenewablePath {
    const path = this.#options.findRenewable?.(sessionId, pathId);
    if (path !== undefined) return path;
    const text = `path ${pathId} does not live here, or gets no other connection now`;
    throw new KwikError('ERR_KWIK_PATH_NOT_FOUND', text);
  }

  /** Throws ERR_KWIK_SESSION_NOT_FOUND. */
  #requireSession(sessionId: SessionId): RenewablePath {
    const keys = this.#options.findSession(sessionId);
    if (keys === undefined) throw new KwikError('ERR_KWIK_SESSION_NOT_FOUND');
    return { possessionKey: keys.possession.publicKey, keys };
  }

  #joinByToken(join: proto.Join, { clientNonce }: Greeting, nowMs: number): Joining {
    requireBytes(join.sessionId, 16, 'the session id');
    const sessionId = sessionIdFromBytes(join.sessionId);
    const pathId = toPathId(join.pathId);
    const { admission: joins, channelBinding } = this.#options;
    const admission = joins.admit(join, { clientNonce, channelBinding }, nowMs);
    if (!admission.ok) throw admission.error;
    const { token } = admission;
    const admitted = { sessionId, pathId, token, signer: token.signer };
    // A primary may name a further address of its own.
    const keys = this.#options.findSession(sessionId);
    const own = keys !== undefined && equalBytes(keys.possession.publicKey, token.possessionKey);
    return own ? { kind: 'join-primary', keys, ...admitted } : { kind: 'join-secondary', ...admitted };
  }

  #accept(greeting: Greeting, joining: Joining): ServerStep {
    const { version, peerLimits, peerCapabilities, agent } = greeting;
    const { capabilities, limits, serverKey, serverId } = this.#options;
    this.#state = { kind: 'accepted' };
    const value: proto.ServerHello = {
      version,
      capabilities: [...capabilities],
      limits,
      serverNonce: this.#serverNonce,
      sessionId: sessionIdToBytes(joining.sessionId),
      sessionSecret: joining.kind === 'open' ? joining.keys.secret : new Uint8Array(0),
      serverKey,
      pathId: joining.pathId,
      serverId,
      proof: this.#proof(greeting, joining),
    };
    const result = { version, peerLimits, peerCapabilities, agent, ...joining };
    return { kind: 'accepted', body: { $case: 'serverHello', value }, result };
  }

  /** Only the primary holds the secret, and shows it to a client that comes back. */
  #proof(greeting: Greeting, joining: Joining): Uint8Array {
    const { kind } = joining;
    if (kind === 'open' || kind === 'join-secondary' || joining.keys === undefined) return new Uint8Array(0);
    return proveAnswer(joining.keys, this.#transcript(greeting, joining.sessionId, joining.pathId));
  }

  #guarded(step: () => ServerStep): ServerStep {
    try {
      return step();
    } catch (thrown) {
      const error = KwikError.from(thrown);
      this.#state = { kind: 'refused', error };
      return { kind: 'refused', body: { $case: 'error', value: errorToDetail(error) }, error };
    }
  }
}

/** The part of the result that says which session and how. */
type Joining = Pick<
  ServerHandshakeResult,
  'sessionId' | 'pathId' | 'mechanism' | 'identity' | 'token' | 'signer' | 'early' | 'taken'
> &
  (
    | { readonly kind: 'open' | 'join-primary' | 'takeover'; readonly keys: SessionKeys }
    | { readonly kind: 'join-secondary' }
    | { readonly kind: 'renew'; readonly keys?: SessionKeys }
  );

/** Throws ERR_KWIK_PROTOCOL_VIOLATION: a session goes on at its first path, and nothing but the session's secret opens it. */
function requireFirstPath({ pathId, renewal, token }: proto.Join): void {
  if (pathId !== PRIMARY_PATH_ID || renewal || token.length > 0) throw violation('a takeover of no first path');
}

/** The client's most preferred mechanism that the server takes. */
function firstInCommon(offered: readonly string[], auth: readonly ServerAuthenticator[]): ServerAuthenticator {
  for (const name of offered) {
    const authenticator = auth.find(({ mechanism }) => mechanism === name);
    if (authenticator !== undefined) return authenticator;
  }
  const client = offered.map((name) => presentable(name, 64)).join(', ') || 'nothing';
  const server = auth.map(({ mechanism }) => mechanism).join(', ') || 'nothing';
  const sides = `the client offers ${client}, the server takes ${server}`;
  throw new KwikError('ERR_KWIK_AUTH_FAILED', `no way to authenticate in common: ${sides}`);
}
