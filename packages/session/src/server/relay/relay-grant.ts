import { CONTROL_LIMITS, KwikError, type proto } from '@kwik/wire';
import type { NamedRelay, RelayedTraffic } from '../../api/relays.js';
import { formatAddress, parseTarget } from '../../client/target.js';

/** What a path token says to a relay. `own`: the names of this server. Throws ERR_KWIK_INVALID_ARGUMENT. */
export function relayGrant(traffic: RelayedTraffic = {}, own: readonly string[]): proto.RelayGrant {
  const anchors = (traffic.anchors ?? own).slice(0, traffic.anchors === undefined ? CONTROL_LIMITS.anchors : undefined);
  if (anchors.length === 0) {
    const text =
      'this server listens on a wildcard address, so it does not know under which one a relay reaches it: name it in ' +
      'identity.audiences of listen, or in anchors beside the relay (relay.anchors of addPath)';
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  if (anchors.length > CONTROL_LIMITS.anchors) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `relay.anchors has more than ${CONTROL_LIMITS.anchors} entries`);
  }
  return {
    anchors: anchors.map((anchor) => {
      const { host, port } = parseTarget(anchor);
      return formatAddress(host, port);
    }),
    bytes: bound('maxBytes', traffic.maxBytes),
    bytesPerSecond: bound('maxBytesPerSecond', traffic.maxBytesPerSecond),
    durationMs: bound('maxDurationMs', traffic.maxDurationMs),
  };
}

/** Throws ERR_KWIK_INVALID_ARGUMENT for relays that could never be used. */
export function requireUsable(relays: readonly NamedRelay[], own: readonly string[]): void {
  for (const { address, traffic } of relays) {
    parseTarget(address);
    relayGrant(traffic, own);
  }
}

/** 0: as the relay likes. */
function bound(name: string, value: number | undefined): bigint {
  if (value === undefined) return 0n;
  if (Number.isSafeInteger(value) && value > 0) return BigInt(value);
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `relay.${name} is ${value}; it takes a whole number above 0`);
}
