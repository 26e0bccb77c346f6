import { isIPv6, SocketAddress } from 'node:net';
import { KwikError } from '@kwik/wire';
import { interfacesHere } from './interfaces.js';

/** Whether an address means something only together with an interface (RFC 4291, section 2.5.6: fe80::/10). */
export function isLinkLocal(address: string): boolean {
  return isIPv6(address) && /^fe[89ab]/i.test(address);
}

/** The address without its zone: what certificates hold and QUIC backends parse. */
export function withoutZone(address: string): string {
  const percent = address.indexOf('%');
  return percent < 0 ? address : address.slice(0, percent);
}

/** The zone of an address: `eth0` of `fe80::1%eth0`. */
export function zoneOf(address: string): string | undefined {
  const percent = address.indexOf('%');
  return percent < 0 ? undefined : address.slice(percent + 1);
}

/** As `os.networkInterfaces()` gives them. */
export type Interfaces = Readonly<Record<string, readonly { readonly scopeid?: number | undefined }[] | undefined>>;

/**
 * A numeric address as this machine can use it, spelled as the system spells the sender of a datagram. A link-local one
 * needs a zone, the interface by which it is reached (`fe80::1%eth0`; RFC 4007, section 11). The system takes an unknown
 * zone for none and sends wherever it likes, so the zone is looked up here. Throws `ERR_KWIK_INVALID_ARGUMENT`.
 */
export function canonicalAddress(address: string, interfaces: () => Interfaces = interfacesHere): string {
  if (!isIPv6(address)) return address;
  const zone = zoneOf(address);
  const plain = new SocketAddress({ address: withoutZone(address), family: 'ipv6' }).address;
  if (zone === undefined && !isLinkLocal(plain)) return plain;
  const known = interfaces();
  const names = Object.keys(known).join(', ');
  const named = names === '' ? '(the system names no interface)' : `(this machine has: ${names})`;
  if (zone === undefined) {
    const text = `${plain} is a link-local address: say by which interface it is reached, as in ${plain}%eth0 ${named}`;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  const name = interfaceName(zone, known);
  if (name === undefined) {
    const text = `${address}: there is no interface '${zone}' with an address ${named}`;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  return isLinkLocal(plain) ? `${plain}%${name}` : plain;
}

/** A zone is the name of an interface, or its number (RFC 4007, section 11.2). */
function interfaceName(zone: string, interfaces: Interfaces): string | undefined {
  if (Object.hasOwn(interfaces, zone)) return zone;
  if (!/^[1-9]\d*$/.test(zone)) return undefined;
  const entries = Object.entries(interfaces);
  return entries.find(([, addresses]) => addresses?.some(({ scopeid }) => scopeid === Number(zone)))?.[0];
}
