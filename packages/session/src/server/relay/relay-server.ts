import type { ReplyTo } from '@kwik/kcp';
import { Allowance, processDiagnostics, type Flow } from '@kwik/quic';
import { KwikError, proto, type RelayFlow, type TimerHandle } from '@kwik/wire';
import { formatAddress, parseTarget } from '../../client/target.js';
import type { DialTarget } from '../../api/options.js';
import type { ControlHandlers, Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';
import type { RelayConfig, RelayLimits } from './relay-config.js';

/**
 * Connections of one client that are forwarded at once. A client asks for five at a time and lets go of four when one is
 * through; it has at most two paths by way of one relay, and each of them two connections while its keys are renewed.
 */
const MAX_FLOWS = 16;
/** Names that are resolved for one client at once: each takes a place that others wait for. */
const MAX_LOOKUPS = 2;
/** The client is told when so much of the time is over, and has the rest to find another way. */
const TELL_AT = 0.8;

/** A path as the relay uses it. */
export type RelayedClientPath = Pick<PathRuntime, 'send' | 'alive'> & {
  readonly port: { readonly transport: Pick<PathRuntime['port']['transport'], 'remote' | 'local'> };
};

export interface RelayServerOptions extends RelayConfig {
  /** What this client gets. */
  readonly limits: RelayLimits;
  /** The token's anchors, or undefined where the relay's own list is all that counts. */
  readonly anchors: readonly string[] | undefined;
  /** Throws ERR_KWIK_PERMISSION_DENIED for a numeric `host:port` that nothing may be forwarded to for this client. */
  readonly require?: (target: string) => void;
}

interface OpenFlow {
  readonly flow: Flow;
  readonly path: RelayedClientPath;
}

/** A relay in the session of one client: what it was granted, and the connections that are forwarded for it. */
export class RelayServer implements Feature {
  readonly #session: Pick<SessionContext, 'clock' | 'paths'>;
  readonly #options: RelayServerOptions;
  /** By the client's connection id, the oldest first. */
  readonly #flows = new Map<string, OpenFlow>();
  readonly #allowance: Allowance;
  readonly #endsAtMs: number;
  #timer: TimerHandle | undefined;
  #refusal: KwikError | undefined;
  #lookups = 0;
  /** Of requests whose anchors are being looked up: the connections that the client still wants. */
  readonly #asked = new Set<Set<string>>();

  readonly handlers: ControlHandlers = {
    relayOpen: (path, request) => this.open(path, request),
    relayClose: (_path, { connectionIds }) => {
      for (const id of connectionIds) this.#withdraw(keyOf(id));
    },
  };

  constructor(session: Pick<SessionContext, 'clock' | 'paths'>, options: RelayServerOptions) {
    this.#session = session;
    this.#options = options;
    const { clock } = session;
    const { limits } = options;
    this.#endsAtMs = clock.now() + limits.durationMs;
    this.#allowance = new Allowance(limits, clock.now(), () => this.#tell(proto.RelayNoticeKind.BYTES));
    this.#timer = clock.schedule(TELL_AT * limits.durationMs, () => this.#tellOfTime());
  }

  /** Connections that are forwarded. */
  get flows(): number {
    return this.#flows.size;
  }

  /** Answers with what is granted; the client's datagrams are forwarded from then on. Rejects with why not. */
  async open(path: RelayedClientPath, request: proto.RelayOpen): Promise<ReplyTo<'relayOpen'>> {
    try {
      return await this.#grant(path, request);
    } catch (error) {
      publish('refused', path, request.anchor, KwikError.from(error).message);
      throw error;
    }
  }

  async #grant(path: RelayedClientPath, { connectionIds, anchor }: proto.RelayOpen): Promise<ReplyTo<'relayOpen'>> {
    this.#requireGranting();
    const asked = new Set(connectionIds.map(keyOf));
    this.#asked.add(asked);
    const to = await this.#lookedUp(anchor).finally(() => this.#asked.delete(asked));
    // It may have ended, or begun to drain, while a name was being resolved.
    this.#requireGranting();
    if (!path.alive) throw new KwikError('ERR_KWIK_PATH_DEAD', 'the path to the relay is dead');
    const wanted = connectionIds.filter((id) => asked.has(keyOf(id)));
    this.#forwardAll(path, wanted, to);
    const { bytesPerSecond } = this.#options.limits;
    return {
      $case: 'relayOpened',
      value: {
        bytes: BigInt(Math.floor(this.#allowance.leftBytes)),
        bytesPerSecond: BigInt(Math.floor(bytesPerSecond)),
        durationMs: BigInt(this.#leftMs()),
      },
    };
  }

  /** Nothing new is forwarded; the client is told to find another way, and what is forwarded goes on until it has. */
  drain(): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'the relay is stopping');
    this.#tell(proto.RelayNoticeKind.DRAINING);
  }

  onPathDead(path: RelayedClientPath): void {
    for (const [key, open] of this.#flows) if (open.path === path) this.#close(key);
  }

  onEnd(): void {
    // A name that is still being resolved is not to open anything behind this.
    this.#refusal ??= new KwikError('ERR_KWIK_SESSION_CLOSED', 'the session has ended');
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const key of this.#flows.keys()) this.#close(key);
  }

  async #lookedUp(anchor: string): Promise<DialTarget> {
    if (this.#lookups >= MAX_LOOKUPS) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'the relay looks up names for this client already', {
        scope: 'peer',
      });
    }
    this.#lookups++;
    try {
      return await this.#locate(anchor);
    } finally {
      this.#lookups--;
    }
  }

  /** The first of the anchors that the relay may forward to, or the one that the client names, if it may. */
  async #locate(asked: string): Promise<DialTarget> {
    const { anchors } = this.#options;
    const candidates = asked === '' ? (anchors ?? []) : [asked];
    let refusal = new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'the relay was told of no anchor');
    for (const candidate of candidates) {
      if (anchors?.includes(candidate) === false) {
        refusal = new KwikError('ERR_KWIK_PERMISSION_DENIED', `the path token does not name ${candidate}`);
        continue;
      }
      try {
        return await this.#permitted(parseTarget(candidate));
      } catch (error) {
        refusal = KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED');
      }
    }
    throw refusal;
  }

  async #permitted(anchor: DialTarget): Promise<DialTarget> {
    this.#options.rule.requireNamed(anchor);
    const addresses = await this.#options.forwarder.resolve(anchor.host);
    let refusal = new KwikError('ERR_KWIK_CONNECT_FAILED', `${anchor.host} has no address`);
    for (const address of addresses) {
      try {
        this.#options.rule.require(anchor, address);
        this.#options.require?.(formatAddress(address, anchor.port));
        return { host: address, port: anchor.port };
      } catch (error) {
        refusal = KwikError.from(error);
      }
    }
    throw refusal;
  }

  /** All of them, or none. */
  #forwardAll(path: RelayedClientPath, connectionIds: readonly Uint8Array[], to: DialTarget): void {
    try {
      for (const clientId of connectionIds) this.#forward(path, clientId, to);
    } catch (error) {
      for (const clientId of connectionIds) this.#close(keyOf(clientId));
      throw error;
    }
  }

  #forward(path: RelayedClientPath, clientId: Uint8Array, to: DialTarget): void {
    const key = keyOf(clientId);
    this.#close(key);
    const [oldest] = this.#flows.keys();
    if (this.#flows.size >= MAX_FLOWS && oldest !== undefined) this.#close(oldest);
    const flow = this.#options.forwarder.forward({
      clientId,
      // The path may get another connection.
      client: {
        get remote() {
          return path.port.transport.remote;
        },
        get local() {
          return path.port.transport.local;
        },
      },
      anchor: { address: to.host, port: to.port },
      allowance: this.#allowance,
    });
    this.#flows.set(key, { flow, path });
    publish('opened', path, formatAddress(to.host, to.port));
  }

  /** The client has no use for it any more, and may not have waited until it was forwarded. */
  #withdraw(key: string): void {
    for (const asked of this.#asked) asked.delete(key);
    this.#close(key);
  }

  #close(key: string): void {
    const open = this.#flows.get(key);
    if (open === undefined) return;
    this.#flows.delete(key);
    this.#options.forwarder.stopForwarding(open.flow);
    const { address, port } = open.flow.anchor;
    publish('closed', open.path, formatAddress(address, port));
  }

  #requireGranting(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#leftMs() > 0 && this.#allowance.leftBytes > 0) return;
    throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'what the relay granted to this client is used up', {
      scope: 'peer',
    });
  }

  #leftMs(): number {
    return Math.max(0, Math.floor(this.#endsAtMs - this.#session.clock.now()));
  }

  #tellOfTime(): void {
    this.#timer = this.#session.clock.schedule(this.#leftMs(), () => {
      for (const key of this.#flows.keys()) this.#close(key);
    });
    this.#tell(proto.RelayNoticeKind.TIME);
  }

  #tell(kind: proto.RelayNoticeKind): void {
    const value = { kind, bytesLeft: BigInt(this.#allowance.leftBytes), msLeft: BigInt(this.#leftMs()), pathId: 0 };
    for (const path of this.#session.paths.values()) path.send({ $case: 'relayNotice', value });
  }
}

function publish(change: RelayFlow['change'], path: RelayedClientPath, anchor: string, reason = ''): void {
  processDiagnostics().publisher.publish('kwik:relay:flow', () => {
    const { address, port } = path.port.transport.remote;
    return { client: formatAddress(address, port), anchor, change, reason };
  });
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
