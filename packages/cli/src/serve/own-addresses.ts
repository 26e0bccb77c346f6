import { networkInterfaces } from 'node:os';
import { formatHostPort, parseHostPort } from '../address.js';

export interface OwnAddressFlags {
  readonly announceAddress: readonly string[];
  readonly audience: readonly string[];
}

/**
 * Under which addresses others may find this very server, `at` which it listens: as it is announced, written as records have it, and
 * at each address of this machine, for by mDNS a server is found at one of those whatever the name is that it was given.
 */
export function ownAddresses(
  at: string,
  { announceAddress, audience }: OwnAddressFlags,
  interfaces: typeof networkInterfaces = networkInterfaces,
): string[] {
  const named = [at, ...announceAddress, ...audience].map((one) => parseHostPort(one));
  const here = Object.values(told(interfaces)).flatMap((all = []) => all.map(({ address }) => address));
  const ports = new Set(named.map(({ port }) => port));
  const ofMachine = [...ports].flatMap((port) => here.map((host) => ({ host, port })));
  return [...new Set([...named, ...ofMachine].map((one) => formatHostPort(one)))];
}

/** None where the system does not tell, as on Android. */
function told(interfaces: typeof networkInterfaces): ReturnType<typeof networkInterfaces> {
  try {
    return interfaces();
  } catch {
    return {};
  }
}
