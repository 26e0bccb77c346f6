import { timingSafeEqual, createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { checkArgument, checkOptions, KwikError, optionRules } from '@kwik/wire';

/** Where the page of an operator listens, and who may see it. */
export interface AdminAddress {
  /** Default: 127.0.0.1. Another one than loopback takes `tls` and `token`. */
  readonly host?: string;
  readonly port: number;
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** What a visitor must know, at least 16 characters. */
  readonly token?: string;
}

const { call, group, port, secret, text } = optionRules;

export const ADDRESS_RULES = {
  host: optionRules.value('a host name or an address', (given) => typeof given === 'string' && given !== ''),
  port,
  tls: group<NonNullable<AdminAddress['tls']>>({ cert: text, key: secret }, ['cert', 'key']),
  token: secret,
} satisfies Record<keyof AdminAddress, optionRules.OptionRule>;
const RULES = group<AdminAddress>(ADDRESS_RULES, ['port']);

/** What `admin` of a process, or of several, is given. Throws ERR_KWIK_INVALID_ARGUMENT, which names what is wrong. */
export function checkAdmin(address: unknown, health: unknown, about: unknown): void {
  checkOptions(address, { call: 'admin', root: RULES });
  checkArgument('admin', 'health', health, call);
  checkArgument('admin', 'about', about, call);
}

const MIN_TOKEN_CHARACTERS = 16;
const COOKIE = 'kwik-admin';
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Throws ERR_KWIK_CREDENTIALS for an address beyond this machine that everybody could look at, or listen in on. */
export function checkAdminAddress({ host = '127.0.0.1', tls, token }: AdminAddress): void {
  if (token !== undefined && token.length < MIN_TOKEN_CHARACTERS) {
    throw new KwikError('ERR_KWIK_CREDENTIALS', `the admin token has less than ${MIN_TOKEN_CHARACTERS} characters`);
  }
  if (isLoopbackHost(host) || (tls !== undefined && token !== undefined)) return;
  throw new KwikError(
    'ERR_KWIK_CREDENTIALS',
    `the admin page on ${host}, beyond this machine, takes TLS (certificate and key) and a token`,
  );
}

function isLoopbackHost(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8);
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Whether the page was asked for under a name of its own. A web site that lets its name resolve to 127.0.0.1 would else
 * read it through the visitor's browser (DNS rebinding).
 */
export function hasOwnName(request: IncomingMessage, { host = '127.0.0.1', token }: AdminAddress): boolean {
  // Who shows a token has it from the operator, not from a web site.
  if (token !== undefined) return true;
  const name = (request.headers.host ?? '').replace(/:\d+$/u, '');
  return LOOPBACK_NAMES.has(name) || name === host || name === `[${host}]`;
}

/** Whether a visitor showed the token, as `Authorization: Bearer` or in the cookie that `/login` sets. */
export function mayEnter(request: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  const bearer = /^Bearer (.+)$/u.exec(request.headers.authorization ?? '')?.[1];
  const cookie = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`, 'u').exec(request.headers.cookie ?? '')?.[1];
  return [bearer, cookie].some((shown) => shown !== undefined && isSame(shown, cookieValue(token), token));
}

/** What the browser keeps is no token that works elsewhere. */
export function loginCookie(token: string): string {
  return `${COOKIE}=${cookieValue(token)}; HttpOnly; Secure; SameSite=Strict; Path=/`;
}

export function isToken(shown: string, token: string): boolean {
  return isSame(shown, token);
}

function cookieValue(token: string): string {
  return createHash('sha256').update(`kwik admin ${token}`).digest('hex');
}

function isSame(shown: string, ...expected: string[]): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return expected.map((one) => timingSafeEqual(digest(shown), digest(one))).includes(true);
}
