import type { TransportAddress } from '@kwik/wire';
import type { BackendAddress } from '../backends/backend.js';
import { isLinkLocal, withoutZone, zoneOf } from '../socket/zone.js';

/** `known`, or where the peer has moved to. Zones, which backends do not know, stay: they are this end's interfaces. */
export function movedTo(known: TransportAddress, { host, port }: BackendAddress): TransportAddress {
  if (port === known.port && host === withoutZone(known.address)) return known;
  const zone = zoneOf(known.address);
  return { ...known, address: zone !== undefined && isLinkLocal(host) ? `${host}%${zone}` : host, port };
}
