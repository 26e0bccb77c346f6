import type { AllowanceLimits, Flow, FlowOptions } from '@kwik/quic';
import { KwikError, type AccessLimits, type proto } from '@kwik/wire';
import type { RelayOptions } from '../../api/relays.js';
import { AnchorRule } from './anchor-rule.js';

/** A busy client of a day, or 11 GB of each key six times. */
const MAX_BYTES = 64 * 1024 ** 3;
/** A gigabit. */
const MAX_BYTES_PER_SECOND = 125_000_000;
/** So that what nobody removed ends some day. */
const MAX_DURATION_MS = 24 * 60 * 60 * 1000;

/** Whatever sends datagrams on: the socket of a listener, or a simulated network. */
export interface RelayForwarder {
  /** The numeric addresses of a host to which datagrams can be sent from here. Rejects as `resolveHost` of @kwik/quic does. */
  resolve(host: string): Promise<readonly string[]>;
  /** Throws as `Endpoint.forward` does. */
  forward(options: FlowOptions): Flow;
  stopForwarding(flow: Flow): void;
}

/** What a server is as a relay. */
export interface RelayConfig {
  readonly rule: AnchorRule;
  /** The most that a client gets. */
  readonly limits: RelayLimits;
  /** Clients that authenticate here may have datagrams forwarded without the word of a primary, to the anchors named. */
  readonly forClients: boolean;
  readonly forwarder: RelayForwarder;
}

export interface RelayLimits extends AllowanceLimits {
  readonly durationMs: number;
}

/** With the defaults. Throws ERR_KWIK_INVALID_ARGUMENT. */
export function resolveRelay(options: RelayOptions, forwarder: RelayForwarder): RelayConfig {
  if (options.forClients === true && options.anchors === undefined) {
    const text =
      'relay.forClients takes relay.anchors: else whoever is let in could send through the relay to anywhere';
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  return {
    rule: new AnchorRule(options.anchors),
    limits: {
      bytes: options.maxBytes ?? MAX_BYTES,
      bytesPerSecond: options.maxBytesPerSecond ?? MAX_BYTES_PER_SECOND,
      durationMs: options.maxDurationMs ?? MAX_DURATION_MS,
    },
    forClients: options.forClients ?? false,
    forwarder,
  };
}

/** What the token asks for, as far as the relay grants it. */
export function limitsOf(grant: proto.RelayGrant | undefined, most: RelayLimits): RelayLimits {
  return {
    bytes: lesser(grant?.bytes, most.bytes),
    bytesPerSecond: lesser(grant?.bytesPerSecond, most.bytesPerSecond),
    durationMs: lesser(grant?.durationMs, most.durationMs),
  };
}

/** No faster than a rule of access lets this client. */
export function limitedBy({ bytesPerSecond = Infinity }: AccessLimits, limits: RelayLimits): RelayLimits {
  return { ...limits, bytesPerSecond: Math.min(limits.bytesPerSecond, bytesPerSecond) };
}

/** 0 asks for nothing in particular. */
function lesser(asked: bigint | undefined, most: number): number {
  return asked === undefined || asked === 0n ? most : Math.min(Number(asked), most);
}
