import { isIP, isIPv6 } from 'node:net';
import { KwikError, type ServerRecord } from '@kwik/wire';
import { splitAddress } from '../../core/records/address.js';
import { textOfRecord } from '../../core/records/text-record.js';

const MAX_LABEL_LENGTH = 63;
const MAX_STRING_BYTES = 255;

/**
 * What to write into the zone file of `domain`, so that `dnsSd` finds this server: PTR, SRV and TXT records, and the address of
 * a host that has no name. `ttlS` seconds. Throws ERR_KWIK_INVALID_ARGUMENT for a text that no TXT record can hold.
 */
export function dnsSdZone(record: ServerRecord, domain: string, ttlS = 60): string[] {
  const zone = domain.replace(/\.$/, '');
  const { serverId, addresses, priority, weight } = record;
  const label = (serverId === '' ? (addresses[0] ?? '') : serverId).replace(/[^\w-]/g, '-').slice(0, MAX_LABEL_LENGTH);
  const instance = `${label}._kwik._udp.${zone}.`;
  const text = textOfRecord(record).map(quoted).join(' ');
  const places = addresses.flatMap((address, index) => {
    const { host, port } = splitAddress(address) ?? { host: '', port: 0 };
    const numeric = isIP(host.replace(/%.*$/, '')) !== 0;
    const target = numeric ? `${label}-${index + 1}.${zone}.` : `${host.replace(/\.$/, '')}.`;
    const srv = `${instance} ${ttlS} IN SRV ${priority} ${weight} ${port} ${target}`;
    return numeric ? [srv, `${target} ${ttlS} IN ${isIPv6(host) ? 'AAAA' : 'A'} ${host}`] : [srv];
  });
  return [`_kwik._udp.${zone}. ${ttlS} IN PTR ${instance}`, ...places, `${instance} ${ttlS} IN TXT ${text}`];
}

/** A character-string of a zone file (RFC 1035, section 5.1). */
function quoted(value: string): string {
  if (Buffer.byteLength(value) > MAX_STRING_BYTES) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${value.slice(0, 40)}…' is too long for a TXT record`);
  }
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
