import { lookup } from 'node:dns/promises';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { Host, Port, ResolveHostname } from './types.js';

const MAPPED_PREFIX = '::ffff:';

/** `host:port` or `[v6]:port`, as paths name their peers. */
export function splitAddress(address: string): { host: Host; port: Port } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** IPv4 for IPv4 that is mapped into IPv6 (RFC 4291, section 2.5.5.2), in either way to write it. */
export function plainAddress(host: Host): Host {
  if (!isIPv6(host) || !host.toLowerCase().startsWith(MAPPED_PREFIX)) return host;
  const rest = host.slice(MAPPED_PREFIX.length);
  if (isIPv4(rest)) return rest;
  const [high = '', low = ''] = rest.split(':');
  const bits = Number.parseInt(high, 16) * 0x1_0000 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join('.');
}

/**
 * The address for `host`: a name is what the program's own resolver says, if it has one, or else the system's. To dial,
 * a wildcard is this machine.
 */
export async function resolveHost(
  host: string,
  resolveHostname: ResolveHostname | undefined,
  use: 'dial' | 'bind',
): Promise<Host> {
  if (use === 'dial' && host === '0.0.0.0') return '127.0.0.1';
  if (use === 'dial' && (host === '::' || host === '::0')) return '::1';
  if (isIP(host) !== 0) return use === 'dial' ? plainAddress(host) : host;
  return resolveHostname === undefined ? (await lookup(host)).address : await resolveHostname(host);
}

/** The system sends nothing from a loopback address to others. */
export function cannotReach(local: Host, remote: Host): boolean {
  return isLoopback(local) && !isLoopback(remote);
}

function isLoopback(host: Host): boolean {
  return host === '::1' || plainAddress(host).startsWith('127.');
}
