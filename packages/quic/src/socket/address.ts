import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { KwikError, type TransportAddress } from '@kwik/wire';

/**
 * The address to dial for `host`: itself when numeric, else what the resolver says, preferring the socket's family.
 * Rejects with `ERR_KWIK_CONNECT_FAILED` when there is none that the socket can reach.
 */
export async function resolveRemote(host: string, port: number, local: TransportAddress): Promise<TransportAddress> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `port ${port} is not a whole number from 1 to 65535`);
  }
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const addresses = isIP(bare) === 0 ? await resolveName(bare) : [bare];
  for (const address of addresses) {
    const fitting = fit(address, local);
    if (fitting !== undefined) return { address: fitting, port, family: local.family };
  }
  throw new KwikError(
    'ERR_KWIK_CONNECT_FAILED',
    `${host} has only the addresses ${addresses.join(', ')}, which a socket bound to ${local.address} cannot reach; ` +
      'bind the endpoint to an address of the same family, or to ::',
  );
}

/** What the resolver gave, without scope: QUIC backends parse plain addresses. */
export function withoutScope(address: string): string {
  const percent = address.indexOf('%');
  return percent < 0 ? address : address.slice(0, percent);
}

async function resolveName(host: string): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true });
    return found.map((entry) => entry.address);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KwikError('ERR_KWIK_CONNECT_FAILED', `the name ${host} does not resolve: ${why}`, { cause });
  }
}

function fit(address: string, local: TransportAddress): string | undefined {
  if (isIPv6(address)) return local.family === 'IPv6' ? address : undefined;
  if (local.family === 'IPv4') return address;
  // A socket on the IPv6 wildcard reaches IPv4 through mapped addresses (RFC 4291, section 2.5.5.2).
  return local.address === '::' ? `::ffff:${address}` : undefined;
}
