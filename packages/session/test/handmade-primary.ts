import { randomBytes } from 'node:crypto';
import {
  delegate,
  DEFAULT_LIMITS,
  Ed25519Signer,
  issuePathToken,
  JoinAdmission,
  noneServerAuth,
  ServerHandshake,
  UsedTokens,
  type ControlEvent,
  type KcpBody,
  type PathTokenFields,
  type SessionKeys,
} from '@kwik/kcp';
import { Endpoint, systemClock } from '@kwik/quic';
import { proto, sessionIdFromBytes, toPathId, type PathTransport } from '@kwik/wire';
import { developmentCertificate } from '../src/credentials/dev-authority.js';
import type { PathPort } from '../src/runtime/paths/path-port.js';
import { newHost } from '../src/runtime/host/session-host.js';
import { acceptHandshake } from '../src/server/accept-handshake.js';

const TIMEOUT_MS = 10_000;

export const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** A primary that opens sessions as any other does, and then tells its client to add paths with whatever token it likes. */
export class HandmadePrimary {
  /** With a delegation of the development authority: other servers of this machine trust it. */
  readonly signer: Ed25519Signer;
  readonly #endpoint: Endpoint;
  readonly #clock = systemClock();
  #client: { readonly port: PathPort; readonly keys: SessionKeys } | undefined;
  readonly #answers = new Map<bigint, (body: KcpBody) => void>();

  private constructor(endpoint: Endpoint, signer: Ed25519Signer) {
    this.#endpoint = endpoint;
    this.signer = signer;
  }

  static async start(): Promise<HandmadePrimary> {
    const made = await developmentCertificate(['127.0.0.1']);
    const signer = Ed25519Signer.fromSeed(random(32));
    const endpoint = await Endpoint.bind({ host: '127.0.0.1', port: 0 });
    const delegation = delegate(signer.publicKey, made.keyPem, made.certPem);
    const primary = new HandmadePrimary(endpoint, signer.withDelegation(delegation));
    endpoint.listen({ certPem: made.certPem, keyPem: made.keyPem }, (transport) => void primary.#accept(transport));
    return primary;
  }

  get address(): string {
    return `127.0.0.1:${this.#endpoint.address().port}`;
  }

  /** Of the client's session; the client has dialled. */
  get keys(): SessionKeys {
    if (this.#client === undefined) throw new TypeError('no client has dialled');
    return this.#client.keys;
  }

  /** As an honest primary would issue it, but for the changes. */
  token(audience: string, changes: Partial<PathTokenFields> = {}, signer = this.signer): Uint8Array {
    const nowMs = Date.now();
    return issuePathToken(signer, {
      sessionId: this.keys.sessionId,
      audience,
      pathId: toPathId(1),
      possessionKey: this.keys.possession.publicKey,
      capabilities: [],
      notBeforeMs: nowMs - 1000,
      expiresMs: nowMs + 30_000,
      tokenId: random(16),
      ...changes,
    });
  }

  /** The client's answer. */
  async addPath(
    address: string,
    token: Uint8Array,
    { pathId = 1, pin = new Uint8Array(0) }: { pathId?: number; pin?: Uint8Array } = {},
  ): Promise<proto.AddPathResult> {
    const value = proto.AddPath.fromPartial({ pathId, address, token, pin, timeoutMs: TIMEOUT_MS, weight: 1 });
    const answer = await this.request({ $case: 'addPath', value });
    if (answer.$case !== 'addPathResult') throw new TypeError(`answered by ${answer.$case}`);
    return answer.value;
  }

  request(body: KcpBody): Promise<KcpBody> {
    const control = this.#client!.port.control!;
    const id = control.channel.request(body, this.#clock.now(), { timeoutMs: TIMEOUT_MS });
    control.flush();
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  close(): Promise<void> {
    return this.#endpoint.close();
  }

  async #accept(transport: PathTransport): Promise<void> {
    const handshake = new ServerHandshake({
      auth: [noneServerAuth()],
      capabilities: [],
      limits: DEFAULT_LIMITS,
      serverId: 'handmade',
      random,
      serverKey: this.signer.publicKey,
      makeSessionId: () => sessionIdFromBytes(random(16)),
      sessionSecret: () => random(32),
      findSession: () => undefined,
      admission: new JoinAdmission({ trust: {}, audiences: () => [], used: new UsedTokens() }),
      peerCertificates: [],
      channelBinding: transport.channelBinding,
    });
    const { callbacks } = newHost();
    const options = { timeoutMs: TIMEOUT_MS, wallClockMs: () => Date.now(), admit: () => undefined, callbacks };
    const shaken = await acceptHandshake(transport, handshake, this.#clock, options);
    if (shaken === undefined) throw new TypeError('nobody asks this server whether it is a standby');
    const { port, result } = shaken;
    this.#client = { port, keys: result.keys! };
    port.activate({
      onControlOpen: () => undefined,
      onControlEvent: (event) => this.#onEvent(event),
      onControlFailure: () => undefined,
      onChunk: () => undefined,
      onRealStreamEnd: () => undefined,
      onSendable: () => undefined,
      onClose: () => undefined,
    });
  }

  #onEvent(event: ControlEvent): void {
    if (event.kind === 'response') this.#answers.get(event.requestId)?.(event.body);
  }
}
