import { KwikError } from '@kwik/wire';
import type { DialTarget } from '../api/options.js';

const MAX_HOST_LENGTH = 253;

/** Reads `host:port`, `[v6]:port` or `kwik://host:port`. */
export function parseTarget(target: string | DialTarget): DialTarget {
  if (typeof target !== 'string') return checked(target.host, target.port, `${target.host}:${target.port}`);
  const rest = target.startsWith('kwik://') ? target.slice('kwik://'.length).replace(/\/.*$/, '') : target;
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(rest);
  if (match === null) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `'${target}' is not an address; write host:port, [IPv6]:port or kwik://host:port`,
    );
  }
  return checked(match[1] ?? match[2] ?? '', Number(match[3]), target);
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
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
