import { isIP } from 'node:net';
import { checkArgument, KwikError, optionRules } from '@kwik/wire';
import { splitAddress } from '../core/records/address.js';
import { apiBase } from './http/bounded-request.js';

/** Where servers are found, as a person writes it: on a command line, in a variable of the environment. */
export type SourceSpec = { readonly text: string } & (
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'etcd'; readonly hosts: readonly string[]; readonly secure: boolean }
  /** Without a domain, the service's own name is one. Without servers, the resolvers of the system. */
  | { readonly kind: 'dns-sd' | 'svcb'; readonly domain?: string; readonly resolvers?: readonly string[] }
  | { readonly kind: 'mdns'; readonly interface?: string; readonly port?: number }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'static'; readonly servers: readonly string[] }
);

/** One line for each kind, for help and for errors. */
export const SOURCE_FORMS: readonly string[] = [
  'https://HOST[:PORT][/BASE]      a registry (plain http shows a token on this machine only)',
  'etcd:HOST:PORT[,HOST:PORT...]   etcd; etcds: by TLS',
  'dns-sd[:DOMAIN][@RESOLVER]      PTR, SRV and TXT records of _kwik._udp.DOMAIN; without DOMAIN, of the service name',
  'svcb[:DOMAIN][@RESOLVER]        SVCB records of _kwik.DOMAIN',
  'mdns[:ADDRESS[:PORT]]           the local network; ADDRESS is IPv4, of the interface',
  'file:PATH                       a JSON file, read again when it changes',
  'static:HOST:PORT[,HOST:PORT...] these servers',
];

const KINDS: readonly unknown[] = [
  'http',
  'etcd',
  'dns-sd',
  'svcb',
  'mdns',
  'file',
  'static',
] satisfies SourceSpec['kind'][];
/** For arguments that are sources. */
export const aSpec = optionRules.value('a source, as parseSource reads it', (given) =>
  KINDS.includes((given as { readonly kind?: unknown } | null | undefined)?.kind),
);
/** As `aSpec`, of an etcd. */
export const anEtcdSpec = optionRules.value(
  "a source of the kind 'etcd', as parseSource reads it",
  (given) => aSpec.accepts(given) && (given as SourceSpec).kind === 'etcd',
);

const MAX_HOSTS = 16;
const DOMAIN = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?$/;

/** Reads a source. Throws ERR_KWIK_INVALID_ARGUMENT, which says what can be written. */
export function parseSource(text: string): SourceSpec {
  checkArgument('parseSource', 'text', text, optionRules.text);
  if (/^https?:\/\//i.test(text)) return httpSpec(text);
  const [, kind = '', rest] = /^([a-z-]+)(?::(.*))?$/s.exec(withoutResolver(text)) ?? [];
  switch (kind) {
    case 'etcd':
    case 'etcds':
      return { text, kind: 'etcd', hosts: addresses(text, rest), secure: kind === 'etcds' };
    case 'dns-sd':
    case 'svcb':
      return { text, kind, ...domainOf(text, rest), ...resolversOf(text) };
    case 'mdns':
      return { text, kind, ...interfaceOf(text, rest) };
    case 'file':
      if (rest === undefined || rest === '') throw wrong(text, 'a file has a path');
      return { text, kind, path: text.slice('file:'.length) };
    case 'static':
      return { text, kind, servers: addresses(text, rest) };
    default:
      throw wrong(text, 'it is no kind of source');
  }
}

/** Only names of DNS are asked of particular resolvers; a path or an address may hold an @. */
function withoutResolver(text: string): string {
  return isOfDns(text) ? text.replace(/@.*$/s, '') : text;
}

function isOfDns(text: string): boolean {
  return /^(?:dns-sd|svcb)(?:[:@]|$)/.test(text);
}

function httpSpec(text: string): SourceSpec {
  // What is refused here would stand in every message about this source.
  if (text.includes('@')) throw wrong(withoutUser(text), 'a URL of a registry holds no user and no password');
  if (/[?#]/.test(text)) {
    throw wrong(text.replace(/[?#].*$/s, ''), 'a URL of a registry ends with its path; a token is given apart from it');
  }
  apiBase(text, {});
  return { text, kind: 'http', url: text };
}

function withoutUser(text: string): string {
  return text.replace(/^([a-z]+:(?:\/\/)?).*@/is, '$1');
}

function addresses(text: string, list: string | undefined): readonly string[] {
  if (list?.includes('@') === true) throw wrong(withoutUser(text), 'user and password are given apart from addresses');
  const found = (list ?? '').split(',').filter((one) => one !== '');
  if (found.length === 0 || found.length > MAX_HOSTS) throw wrong(text, `it takes 1 to ${MAX_HOSTS} addresses`);
  const broken = found.find((address) => splitAddress(address) === undefined);
  if (broken !== undefined) throw wrong(text, `'${broken}' is not HOST:PORT`);
  return found;
}

function domainOf(text: string, domain: string | undefined): { readonly domain?: string } {
  if (domain === undefined) return {};
  if (!DOMAIN.test(domain)) throw wrong(text, `'${domain}' is no domain`);
  return { domain };
}

function resolversOf(text: string): { readonly resolvers?: readonly string[] } {
  const resolver = /@(.*)$/s.exec(text)?.[1];
  if (resolver === undefined) return {};
  const host = isIP(resolver) === 0 ? splitAddress(resolver)?.host : resolver;
  if (host === undefined || isIP(host) === 0) throw wrong(text, `'${resolver}' is no IP address of a resolver`);
  return { resolvers: [resolver] };
}

function interfaceOf(text: string, rest: string | undefined): { readonly interface?: string; readonly port?: number } {
  if (rest === undefined) return {};
  const { host, port } = splitAddress(rest) ?? { host: rest, port: undefined };
  if (isIP(host) !== 4) throw wrong(text, `'${rest}' is no IPv4 address of an interface`);
  return { interface: host, ...(port !== undefined && { port }) };
}

function wrong(text: string, why: string): KwikError {
  const forms = SOURCE_FORMS.map((form) => form.split(' ', 1)[0]).join(', ');
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${text}' names no source of servers: ${why}. Write ${forms}`);
}
