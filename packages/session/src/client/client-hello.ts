import { randomBytes } from 'node:crypto';
import { noneClientAuth, type ClientAuthenticator, type ClientHandshakeOptions } from '@kwik/kcp';
import { proto, type PathTransport } from '@kwik/wire';
import { toProtoLimits, type ResolvedLimits } from '../limits.js';

const AGENT = 'kwik-node/0.1';
const CAPABILITIES: readonly proto.Capability[] = [
  proto.Capability.REPLICA,
  proto.Capability.CONTRIBUTE,
  proto.Capability.RAW,
  proto.Capability.MULTIHOMING,
  proto.Capability.RELAY,
  proto.Capability.TAKEOVER,
];

export interface HelloOptions {
  /** Default: none. */
  readonly auth: readonly ClientAuthenticator[] | undefined;
  readonly limits: ResolvedLimits;
  readonly idleMs: number;
  readonly compresses: boolean;
}

/** What the client says of itself to every server, whatever the connection is for. */
export function helloTo(
  { channelBinding }: PathTransport,
  { auth = [noneClientAuth()], limits, idleMs, compresses }: HelloOptions,
): Omit<ClientHandshakeOptions, 'purpose'> {
  return {
    channelBinding,
    auth: [...auth],
    capabilities: compresses ? [...CAPABILITIES, proto.Capability.COMPRESSION] : [...CAPABILITIES],
    limits: toProtoLimits(limits, idleMs),
    agent: AGENT,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
  };
}
