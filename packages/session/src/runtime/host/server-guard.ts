import { KwikError, proto, type KnownServer, type ServerConduct, type ServerTrust, type ServerUse } from '@kwik/wire';
import type { SessionHost } from './session-host.js';

/** Asks the application which servers are to be used, and tells it what they did; without one all may be. */
export class ServerGuard {
  readonly #trust: ServerTrust | undefined;
  readonly #host: Pick<SessionHost, 'callbacks' | 'diagnostics'>;
  readonly #wallClockMs: () => number;

  constructor(
    trust: ServerTrust | undefined,
    host: Pick<SessionHost, 'callbacks' | 'diagnostics'>,
    wallClockMs: () => number,
  ) {
    this.#trust = trust;
    this.#host = host;
    this.#wallClockMs = wallClockMs;
  }

  /** Throws ERR_KWIK_PERMISSION_DENIED with the reason. */
  require(server: KnownServer, capabilities: readonly proto.Capability[]): void {
    const trust = this.#trust;
    if (trust === undefined) return;
    const uses = capabilities.flatMap((capability) => USES[capability] ?? []);
    const ask = (): string | undefined => trust.refusal(server, uses, this.#wallClockMs());
    const { callbacks, diagnostics } = this.#host;
    const refusal = callbacks.ask('guard.servers', ask, 'the trust scores failed');
    diagnostics.publisher.publish('kwik:trust:decided', () => ({
      subject: server.address,
      action: 'use',
      decision: refusal === undefined ? 'allowed' : 'refused',
      reason: refusal ?? '',
    }));
    if (refusal === undefined) return;
    throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `${server.address} is not used: ${refusal}`, { scope: 'path' });
  }

  observe(server: KnownServer, conduct: ServerConduct): void {
    const trust = this.#trust;
    if (trust === undefined) return;
    this.#host.callbacks.call('guard.servers', () => trust.observe(server, conduct, this.#wallClockMs()));
  }
}

const USES: Readonly<Partial<Record<proto.Capability, ServerUse>>> = {
  [proto.Capability.CONTRIBUTE]: 'contribute',
  [proto.Capability.REPLICA]: 'replica',
  [proto.Capability.RELAY]: 'relay',
  [proto.Capability.RAW]: 'raw',
};
