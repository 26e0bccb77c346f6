import { KwikError, proto, type KnownServer, type ServerConduct, type ServerTrust, type ServerUse } from '@kwik/wire';
import type { UserCallbacks } from './user-callbacks.js';

/** Asks the application which servers are to be used, and tells it what they did; without one all may be. */
export class ServerGuard {
  readonly #trust: ServerTrust | undefined;
  readonly #callbacks: UserCallbacks;
  readonly #wallClockMs: () => number;

  constructor(trust: ServerTrust | undefined, callbacks: UserCallbacks, wallClockMs: () => number) {
    this.#trust = trust;
    this.#callbacks = callbacks;
    this.#wallClockMs = wallClockMs;
  }

  /** Throws ERR_KWIK_PERMISSION_DENIED with the reason. */
  require(server: KnownServer, capabilities: readonly proto.Capability[]): void {
    const trust = this.#trust;
    if (trust === undefined) return;
    const uses = capabilities.flatMap((capability) => USES[capability] ?? []);
    const ask = (): string | undefined => trust.refusal(server, uses, this.#wallClockMs());
    const refusal = this.#callbacks.ask('guard.servers', ask, 'the trust scores failed');
    if (refusal === undefined) return;
    throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `${server.address} is not used: ${refusal}`, { scope: 'path' });
  }

  observe(server: KnownServer, conduct: ServerConduct): void {
    const trust = this.#trust;
    if (trust === undefined) return;
    this.#callbacks.call('guard.servers', () => trust.observe(server, conduct, this.#wallClockMs()));
  }
}

const USES: Readonly<Partial<Record<proto.Capability, ServerUse>>> = {
  [proto.Capability.CONTRIBUTE]: 'contribute',
  [proto.Capability.REPLICA]: 'replica',
  [proto.Capability.RELAY]: 'relay',
  [proto.Capability.RAW]: 'raw',
};
