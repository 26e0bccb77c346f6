import { isIP } from 'node:net';
import type { Discovery } from '@kwik/wire';
import type { CheckedConnect } from '../arguments/connect-options.js';

/**
 * Whether discovery knows servers of this name: then they are the ones to connect to, at the ports that they say. Names with
 * dots are hosts, and so is what nobody announces. Rejects when `signal` is aborted.
 */
export async function isService(
  { host, lookup, localPort }: CheckedConnect,
  discovery: Discovery | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (discovery === undefined || host === 'localhost' || host.includes('.') || isIP(host) !== 0) return false;
  // Who resolves names alone, or sends from a port of a particular choice, means one address.
  if (lookup !== undefined || localPort !== 0) return false;
  let directory;
  try {
    directory = discovery.service(host);
  } catch {
    // No name of a service, or one more than can be watched.
    return false;
  }
  const { chosen, rejected } = await directory.select({ capabilities: ['primary'], count: 1 }, { signal });
  return chosen.length + rejected.length > 0;
}
