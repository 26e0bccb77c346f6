import { isIP } from 'node:net';
import type { Host, Port, ResolveHostname } from './types.js';

/** `host:port` or `[v6]:port`, as paths name their peers. */
export function splitAddress(address: string): { host: Host; port: Port } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** The address to dial: a wildcard is this machine; a name is what the program's own resolver says, if it has one. */
export async function resolveHost(host: string, resolveHostname: ResolveHostname | undefined): Promise<Host> {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::' || host === '::0') return '::1';
  return isIP(host) === 0 && resolveHostname !== undefined ? await resolveHostname(host) : host;
}
