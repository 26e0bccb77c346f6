import { isIPv6 } from 'node:net';
import { isLinkLocal, withoutZone, zoneOf } from '@kwik/quic';
import { KwikError } from '@kwik/wire';
import type { DialTarget } from '../api/options.js';

const MAX_HOST_LENGTH = 253;

/**
 * Reads `host:port`, `[v6]:port` or `kwik://host:port`. An IPv6 address may have a zone, `[fe80::1%eth0]:port`; in a URL
 * its percent sign may be written as `%25` (RFC 6874) or as it is (RFC 9844).
 */
export function parseTarget(target: string | DialTarget): DialTarget {
  if (typeof target !== 'string') return ofParts(target);
  const isUrl = target.startsWith('kwik://');
  const rest = isUrl ? target.slice('kwik://'.length).replace(/\/.*$/, '') : target;
  const match = /^(?:\[([^[\]/]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(rest);
  const v6 = isUrl ? match?.[1]?.replace(/%25(?=.)/, '%') : match?.[1];
  if (match === null || (v6 !== undefined && !isIPv6(v6))) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `'${target}' is not an address; write host:port, [IPv6]:port or kwik://host:port`,
    );
  }
  return checked(v6 ?? match[2] ?? '', Number(match[3]), target);
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  const plain = withoutZone(host);
  return plain === 'localhost' || plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain);
}

/**
 * A link-local address that a peer names is meant on the link that both are on: it gets the zone by which `peerHost`, an
 * address of that peer, is reached here. A zone in what the peer said is the peer's name for its own interface.
 */
export function onLinkOf(target: DialTarget, peerHost: string): DialTarget {
  const zone = zoneOf(peerHost);
  return isLinkLocal(target.host) && zone !== undefined
    ? { ...target, host: `${withoutZone(target.host)}%${zone}` }
    : target;
}

function ofParts(target: unknown): DialTarget {
  const { host, port } = (target ?? {}) as Record<string, unknown>;
  if (typeof host === 'string' && typeof port === 'number') return checked(host, port, `${host}:${port}`);
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    'an address is a string, host:port, [IPv6]:port or kwik://host:port, or an object of host (a string) and port (a number)',
  );
}

function checked(host: string, port: number, text: string): DialTarget {
  if (host === '' || host.length > MAX_HOST_LENGTH) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${text}' has no usable host`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${text}': port ${port} is not from 1 to 65535`);
  }
  return { host, port };
}
