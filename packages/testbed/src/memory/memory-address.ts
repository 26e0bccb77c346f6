import { isIPv6 } from 'node:net';

import { KwikError, type TransportAddress } from '@kwik/wire';

const ADDRESS = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/;

/**
 * `host:port` or `[host]:port` as an address; any name will do for a host.
 * @throws KwikError ERR_KWIK_INVALID_ARGUMENT.
 */
export function parseAddress(text: string): TransportAddress {
  const match = ADDRESS.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || !(port <= 65_535)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `"${text}" is no host:port`);
  }
  return { address, port, family: isIPv6(address) ? 'IPv6' : 'IPv4' };
}

export function formatAddress({ address, port, family }: TransportAddress): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
