import { isIPv6 } from 'node:net';
import { usageError } from './errors.js';

/** Used when an address names no port. */
export const DEFAULT_PORT = 4433;
const MAX_PORT = 65_535;
/** RFC 1035: 253 characters and the dot of the root. */
const MAX_HOST_CHARACTERS = 254;

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface KwikUrl {
  /** What is dialled: `host:port`, or `kwik:NAME` for whichever server of a service answers first. */
  readonly server: string;
  /** The service, where the URL names one. */
  readonly service?: string;
  /** Decoded, without the leading slash; empty for the top folder. Not trusted: the server checks it. */
  readonly path: string;
}

/** `host:port`, an IPv6 host in brackets. `port` may be 0 only where the system is to choose one. */
export function parseHostPort(text: string, options: { readonly allowZero?: boolean } = {}): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/u.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (match === null || host === '' || host.length > MAX_HOST_CHARACTERS || !/^[A-Za-z0-9._:%-]+$/u.test(host)) {
    throw usageError(`'${text}' is not HOST:PORT; write for example 127.0.0.1:4433 or [::1]:4433`);
  }
  if (match[1] !== undefined && !isIPv6(host)) throw usageError(`'${text}': only an IPv6 address goes in brackets`);
  const port = match[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (port > MAX_PORT || (port === 0 && options.allowZero !== true)) {
    throw usageError(`'${text}': the port must be from 1 to ${MAX_PORT}`);
  }
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As `@kwik/discovery` takes the name of a service. */
const SERVICE = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/u;

/**
 * `kwik://HOST[:PORT]/PATH` or `kwik:NAME/PATH`, percent-encoded where needed. Dots are left in the path: refusing them is the
 * server's.
 */
export function parseKwikUrl(text: string): KwikUrl {
  const [, slashes, authority = '', rest = '/'] = /^kwik:(\/\/)?([^/?#]+)(\/[^?#]*)?$/iu.exec(text) ?? [];
  if (authority === '') throw usageError(`'${text}' is not a kwik URL; ${urlHint(text)}`);
  const path = rest
    .slice(1)
    .split('/')
    .map((segment) => decodeSegment(segment, text))
    .join('/');
  if (slashes === undefined) return { ...serviceNamed(authority, text), path };
  // The zone of an IPv6 address: `[fe80::1%25eth0]` (RFC 6874) as well as `[fe80::1%eth0]` (RFC 9844).
  return { server: formatHostPort(parseHostPort(authority.replace(/%25(?=[^\]])/u, '%'))), path };
}

/** A server that is to be dialled, as `HOST[:PORT]` or as a URL of it, whose path does not matter. Throws a usage error. */
export function parseServer(text: string): HostPort {
  if (!/^kwik:/iu.test(text)) return parseHostPort(text);
  const { server, service } = parseKwikUrl(text);
  if (service === undefined) return parseHostPort(server);
  throw usageError(
    `'${text}' names a service, and one server is wanted: kwik servers ${service} shows which there are`,
  );
}

function serviceNamed(name: string, url: string): Pick<KwikUrl, 'server' | 'service'> {
  if (SERVICE.test(name)) return { server: `kwik:${name}`, service: name };
  throw usageError(`'${url}': '${name}' is no name of a service; an address takes two slashes, kwik://HOST:PORT/PATH`);
}

function decodeSegment(segment: string, url: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    throw usageError(`'${url}': a % must be followed by two hexadecimal digits; write a plain % as %25`);
  }
  // An encoded separator would mean one thing here and another at a server that decodes it.
  if (/[/\\\0]/u.test(decoded)) throw usageError(`'${url}': a name cannot hold a slash, a backslash or a NUL`);
  return decoded;
}

function urlHint(text: string): string {
  if (/[?#]/u.test(text)) return 'write ? as %3F and # as %23';
  return 'write kwik://HOST:PORT/PATH, or kwik:NAME/PATH for a service';
}
