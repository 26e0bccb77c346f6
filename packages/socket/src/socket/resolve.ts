import dns from 'node:dns';
import { isIP } from 'node:net';
import { platform } from 'node:process';
import type { CheckedConnect } from '../arguments/connect-options.js';
import { nodeError } from '../errors.js';

/** One address of a name. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Told of each address, as the event `lookup` is. */
export type LookupListener = (error: Error | null, address?: string, family?: number) => void;

/**
 * The addresses of the host, in the order in which they are tried; what the lookup gave that is none is an error. Rejects
 * with the lookup's error.
 */
export async function resolveAddresses(
  checked: CheckedConnect,
  onLookup: LookupListener,
): Promise<readonly ResolvedAddress[]> {
  const { host } = checked;
  const numeric = isIP(host);
  // As in `node:net`, nothing happens before the caller has had time to listen.
  if (numeric !== 0) return [{ address: host, family: numeric }];
  let found: readonly ResolvedAddress[];
  try {
    found = await lookUp(checked);
  } catch (error) {
    onLookup(error as Error);
    throw error;
  }
  for (const { address, family } of found) onLookup(null, address, family);
  return checkAddresses(found, checked);
}

function lookUp({ host, family, hints, lookup, tryAll }: CheckedConnect): Promise<readonly ResolvedAddress[]> {
  const options = { family, hints: hintsOf(family, hints), ...(tryAll && { all: true }) };
  const resolve = (lookup ?? dns.lookup) as (host: string, options: object, callback: LookupCallback) => void;
  return new Promise((done, failed) => {
    resolve(host, options, (error, address, addressFamily) => {
      if (error) failed(error);
      else if (Array.isArray(address)) done(address);
      else done([{ address: address as string, family: addressFamily ?? 0 }]);
    });
  });
}

type LookupCallback = (
  error: Error | null | undefined,
  address: string | readonly ResolvedAddress[],
  family?: number,
) => void;

function hintsOf(family: number | undefined, hints: number): number {
  return platform !== 'win32' && family !== 4 && family !== 6 && hints === 0 ? dns.ADDRCONFIG : hints;
}

/** Families in turn, beginning with that of the first address; each address once. */
function checkAddresses(found: readonly ResolvedAddress[], { host, port }: CheckedConnect): readonly ResolvedAddress[] {
  const usable = found.filter(({ address, family }) => isIP(address) !== 0 && (family === 4 || family === 6));
  const [first] = usable;
  if (first === undefined) throw badAddress(found[0], host, port);
  const distinct = [...new Map(usable.map((each) => [each.address, each])).values()];
  const same = distinct.filter(({ family }) => family === first.family);
  const other = distinct.filter(({ family }) => family !== first.family);
  const longest = Math.max(same.length, other.length);
  return Array.from({ length: longest }, (_, index) => [
    ...same.slice(index, index + 1),
    ...other.slice(index, index + 1),
  ]).flat();
}

function badAddress(found: ResolvedAddress | undefined, host: string, port: number): Error {
  if (found === undefined || isIP(found.address) === 0) {
    return nodeError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${String(found?.address)}`);
  }
  const text = `Invalid address family: ${found.family} ${host}:${port}`;
  return Object.assign(nodeError(RangeError, 'ERR_INVALID_ADDRESS_FAMILY', text), { host, port });
}
