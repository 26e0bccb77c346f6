import dns from 'node:dns';
import { isIP } from 'node:net';

/**
 * The numeric addresses to try in turn for the `host` of a `listen`; undefined stands for every address. Called back within
 * the call unless a name must be looked up, of which `onLookup` tells.
 */
export function addressesToBind(
  host: string | undefined,
  callback: (error: Error | null, addresses: readonly (string | undefined)[]) => void,
  onLookup: () => void,
): void {
  if (host === undefined || isIP(host) !== 0) {
    callback(null, [host]);
    return;
  }
  onLookup();
  dns.lookup(host, (error, address) => callback(error, [address]));
}
