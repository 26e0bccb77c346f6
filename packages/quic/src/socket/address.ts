import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { KwikError, type TransportAddress } from '@kwik/wire';
import { interfacesHere } from './interfaces.js';
import { canonicalAddress, isLinkLocal, withoutZone } from './zone.js';

/** The addresses of a name, in the order of preference; rejects when there are none. */
export type HostLookup = (name: string) => Promise<readonly string[]>;

/** Addresses of one name that are tried; who lists more gains nothing by it. */
export const MAX_ADDRESSES = 8;

/**
 * The addresses of `host` (a name, or numeric, in brackets or not), in the order in which to try them: the system's
 * preference (RFC 6724), families in turn (RFC 8305, section 4), at most `MAX_ADDRESSES`. Rejects with
 * `ERR_KWIK_CONNECT_FAILED` when the name has none, `ERR_KWIK_INVALID_ARGUMENT` for an address that is none here.
 */
export async function resolveHost(host: string, lookUp: HostLookup = systemLookup): Promise<readonly string[]> {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIP(bare) !== 0) return [canonicalAddress(bare)];
  const found = await lookUpOrExplain(bare, lookUp);
  // DNS says nothing of interfaces, so what it gives of link-local addresses cannot be dialled.
  const usable = found.filter((address) => !isLinkLocal(address));
  if (usable.length > 0) return interleaved(usable.map((address) => canonicalAddress(address)));
  throw new KwikError(
    'ERR_KWIK_CONNECT_FAILED',
    `the name '${host}' has only link-local addresses (${found.join(', ')}); dial one with its interface, as in ${found[0] ?? ''}%eth0`,
  );
}

/** Families in turn, beginning with that of the first; within a family the order stays. */
export function interleaved(addresses: readonly string[]): string[] {
  const distinct = [...new Set(addresses)];
  const leadsIPv6 = isIPv6(distinct[0] ?? '');
  const first = distinct.filter((address) => isIPv6(address) === leadsIPv6);
  const second = distinct.filter((address) => isIPv6(address) !== leadsIPv6);
  const mixed = first.flatMap((address, index) => [address, ...second.slice(index, index + 1)]);
  return [...mixed, ...second.slice(first.length)].slice(0, MAX_ADDRESSES);
}

/**
 * Those of `addresses` that a socket bound to `local` can send to, as it must be told them. Throws
 * `ERR_KWIK_CONNECT_FAILED` when there is none.
 */
export function reachable(
  host: string,
  port: number,
  addresses: readonly string[],
  local: TransportAddress,
): TransportAddress[] {
  return sendable(host, addresses, local).map((address) => {
    return { address: fit(address, local) ?? address, port, family: local.family };
  });
}

/** The same, as they were given. */
export function sendable(host: string, addresses: readonly string[], local: TransportAddress): string[] {
  const fitting = addresses.filter((address) => fit(address, local) !== undefined);
  if (fitting.length > 0) return fitting;
  throw new KwikError(
    'ERR_KWIK_CONNECT_FAILED',
    `${host} has only the addresses ${addresses.join(', ')}, which a socket bound to ${local.address} cannot reach; ` +
      'bind the endpoint to an address of the same family, or to ::',
  );
}

/** Whether a datagram to `address`, numeric, comes to a socket of this machine that is bound to `bound` (and to its port). */
export function isOwnAddress(address: string, bound: string): boolean {
  const plain = unmapped(withoutZone(address));
  if (bound !== '0.0.0.0' && bound !== '::') return plain === unmapped(withoutZone(bound));
  if (plain.startsWith('127.') || plain === '::1') return true;
  const own = Object.values(interfacesHere()).flatMap((list) => list ?? []);
  return own.some((entry) => entry.address === plain);
}

function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/u, '');
}

/** Throws `ERR_KWIK_INVALID_ARGUMENT`. */
export function requirePort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `port ${port} is not a whole number from 1 to 65535`);
}

/** As QUIC backends take it. */
export function backendAddress({ address, port }: TransportAddress): { readonly host: string; readonly port: number } {
  return { host: withoutZone(address), port };
}

async function systemLookup(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true, verbatim: true });
  return found.map((entry) => entry.address);
}

async function lookUpOrExplain(name: string, lookUp: HostLookup): Promise<readonly string[]> {
  try {
    return await lookUp(name);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const text = `the name '${name}' does not resolve: ${why}; check its spelling and DNS`;
    throw new KwikError('ERR_KWIK_CONNECT_FAILED', text, { cause });
  }
}

function fit(address: string, local: TransportAddress): string | undefined {
  if (isIPv6(address)) return local.family === 'IPv6' ? address : undefined;
  if (local.family === 'IPv4') return address;
  // A socket on the IPv6 wildcard reaches IPv4 through mapped addresses (RFC 4291, section 2.5.5.2).
  return local.address === '::' ? `::ffff:${address}` : undefined;
}

/** As others are told of whoever sent a datagram. */
export function transportAddress({
  address,
  port,
}: {
  readonly address: string;
  readonly port: number;
}): TransportAddress {
  return { address, port, family: isIPv6(address) ? 'IPv6' : 'IPv4' };
}
