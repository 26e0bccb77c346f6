import { ADDRCONFIG, ALL, V4MAPPED } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { getDefaultAutoSelectFamily, isIP } from 'node:net';
import type { KwikSettings } from '../settings/settings.js';
import { askNode, refuseConnect, unsupported } from './refused-by-node.js';

/** Options of `socket.connect`; those of `node:net`, and `kwik`. */
export interface ConnectOptions {
  readonly port?: number | string | null | undefined;
  /** Default: localhost. */
  readonly host?: string | null | undefined;
  readonly localAddress?: string | null | undefined;
  readonly localPort?: number | undefined;
  readonly family?: number | string | undefined;
  readonly hints?: number | undefined;
  readonly lookup?: LookupFunction | undefined;
  readonly autoSelectFamily?: boolean | undefined;
  readonly autoSelectFamilyAttemptTimeout?: number | undefined;
  readonly path?: string | null | undefined;
  readonly timeout?: number | undefined;
  readonly kwik?: KwikSettings | undefined;
}

/** What `connect` was asked, checked. */
export interface CheckedConnect {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number;
  readonly family: number | undefined;
  readonly hints: number;
  readonly lookup: LookupFunction | undefined;
  /** All addresses of a name are tried. */
  readonly tryAll: boolean;
  readonly kwik: KwikSettings | undefined;
}

/** Throws what `node:net` throws, and ERR_KWIK_UNSUPPORTED for a pipe. */
export function checkConnect(options: ConnectOptions): CheckedConnect {
  const { port, path, localAddress, localPort, lookup, autoSelectFamily } = options;
  if (typeof path === 'string' && path !== '') throw unsupported('a pipe or Unix domain socket');
  if (!isPort(port) || !fits(options)) refuseConnect(options);
  if (!isOptional(options.host, 'string')) askNode(options);
  const family = familyNumber(options.family);
  return {
    host: hostOf(options),
    port: Number(port),
    localAddress: (localAddress ?? '') === '' ? undefined : localAddress!,
    localPort: localPort ?? 0,
    family,
    hints: options.hints ?? 0,
    lookup,
    tryAll: family !== 4 && family !== 6 && !localAddress && (autoSelectFamily ?? getDefaultAutoSelectFamily()),
    kwik: options.kwik,
  };
}

/** What `node:net` looks at before it connects. */
function fits(options: ConnectOptions): boolean {
  const { localAddress, localPort, lookup, autoSelectFamily, autoSelectFamilyAttemptTimeout } = options;
  const isAddress = (localAddress ?? '') === '' || isIP(localAddress!) !== 0;
  return (
    isAddress &&
    isOptional(localPort, 'number') &&
    isOptional(lookup, 'function') &&
    isOptional(autoSelectFamily, 'boolean') &&
    isOptional(autoSelectFamilyAttemptTimeout, 'number') &&
    (autoSelectFamilyAttemptTimeout ?? 1) >= 1 &&
    canBeLookedUp(options)
  );
}

const FAMILIES: readonly unknown[] = [0, 4, 6, 'IPv4', 'IPv6'];
const HINTS = ADDRCONFIG | ALL | V4MAPPED;

/** What Node's `dns.lookup` looks at; nobody asks it for an address, or where there is another lookup. */
function canBeLookedUp(options: ConnectOptions): boolean {
  const { family, hints, lookup } = options;
  const host = hostOf(options);
  if (lookup || isIP(host) !== 0) return true;
  const hasFamily = !family || FAMILIES.includes(family);
  const hasHints = !hints || (typeof hints === 'number' && (hints & ~HINTS) === 0);
  return typeof host === 'string' && hasFamily && hasHints;
}

/** As Node's `validatePort`, which takes '0x50', too. */
export function isPort(port: unknown): port is number | string {
  if (typeof port !== 'number' && (typeof port !== 'string' || port.trim() === '')) return false;
  const number = Number(port);
  return number === Number(port) >>> 0 && number <= 0xffff;
}

function isOptional(value: unknown, type: 'number' | 'function' | 'boolean' | 'string'): boolean {
  return value === undefined || value === null || typeof value === type;
}

/** No host is this machine, whatever stands for none. */
function hostOf({ host }: ConnectOptions): string {
  if (!host) return 'localhost';
  return host;
}

function familyNumber(family: number | string | undefined): number | undefined {
  if (family === 'IPv4') return 4;
  if (family === 'IPv6') return 6;
  return typeof family === 'number' ? family : undefined;
}
