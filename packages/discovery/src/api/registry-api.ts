import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { checkOptions, KwikError, optionRules, type Clock, type ServerRecord } from '@kwik/wire';
import { announcingRefusal, mayRemove, type KeyRequest } from '../signing/key-proof.js';
import { readServer } from '../sources/server-list-shape.js';
import { systemClock } from '../sources/system-clock.js';
import { delay } from '../sources/waiting.js';
import type { ServerStore } from './announced-servers.js';
import { ServedLists } from './served-lists.js';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_WAIT_S = 60;
/** Questions that are held open at once; more are answered at once. */
const MAX_WAITING = 4096;
const DEFAULT_TTL_MS = 30_000;
const NAME = /^[\w.-]{1,253}$/;

export interface RegistryApiOptions {
  readonly store: ServerStore;
  readonly clock?: Clock;
  /** Whoever reads shows one of these; undefined: anybody may read. */
  readonly readTokens?: readonly string[] | undefined;
  /** Whoever announces shows one of these; undefined: anybody may, so bind it to this machine. */
  readonly writeTokens?: readonly string[] | undefined;
  /** Over TLS: a client certificate that the server asked for and found good does as well as a token. Without tokens, give `[]`. */
  readonly clientCertificates?: boolean | undefined;
  readonly onError?: (error: unknown) => void;
  /** Only servers that sign what they announce are taken. Default: others, too, under ids that no key holds. */
  readonly signedOnly?: boolean | undefined;
  /** Milliseconds since 1970, for signatures. Default: `Date.now`. */
  readonly wallClockMs?: () => number;
}

const { call, clock: aClock, flag, group, list, objectWith, secret } = optionRules;
const RULES = group<RegistryApiOptions>(
  {
    store: objectWith('put', 'remove', 'get', 'list', 'version', 'onChange'),
    clock: aClock,
    readTokens: list(secret),
    writeTokens: list(secret),
    clientCertificates: flag,
    onError: call,
    signedOnly: flag,
    wallClockMs: call,
  },
  ['store'],
);

/**
 * The HTTP API of a registry, as a listener for `http.createServer` or `https.createServer`: GET, with `if-none-match` and `wait`
 * for a long poll, PUT and DELETE below `/v1/services/SERVICE/servers`. Throws ERR_KWIK_INVALID_ARGUMENT, which names the
 * member that is wrong.
 */
export function registryApi(options: RegistryApiOptions): RequestListener {
  checkOptions(options, { call: 'registryApi', root: RULES });
  const api = new RegistryApi(options);
  return (request, response) => void api.handle(request, response);
}

class RegistryApi {
  readonly #options: RegistryApiOptions;
  /** So that an ETag of a former life of the process does not fit. */
  readonly #life = randomBytes(8).toString('hex');
  readonly #clock: Clock;
  readonly #lists: ServedLists;
  #waiting = 0;

  constructor(options: RegistryApiOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock();
    this.#lists = new ServedLists(options.store, this.#clock);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    try {
      await this.#answer(request, response);
    } catch (error) {
      const { status, text } = failure(error);
      if (status === 500) this.#report(error);
      if (!response.headersSent) reply(response, status, { error: text });
      else response.destroy();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://registry');
    const [version, kind, service = '', what, id, ...more] = url.pathname.slice(1).split('/').map(decoded);
    if (version !== 'v1' || kind !== 'services' || what !== 'servers' || more.length > 0 || !NAME.test(service)) {
      reply(response, 404, { error: 'there is nothing here' });
      return;
    }
    const reads = request.method === 'GET' && id === undefined;
    const writes = (request.method === 'PUT' || request.method === 'DELETE') && id !== undefined && id !== '';
    if (!reads && !writes) {
      reply(response, 405, { error: 'this cannot be done here' });
      return;
    }
    if (!this.#mayEnter(request, reads)) {
      response.setHeader('www-authenticate', 'Bearer');
      reply(response, 401, { error: 'show a token, or a certificate, that may do this' });
      return;
    }
    if (reads) return this.#list(request, response, service, url.searchParams);
    return this.#write(request, response, service, id ?? '');
  }

  #mayEnter(request: IncomingMessage, reads: boolean): boolean {
    const { readTokens, writeTokens, clientCertificates = false } = this.#options;
    if (clientCertificates && hasCertificate(request)) return true;
    return permitted(request, reads ? readTokens : writeTokens);
  }

  async #list(
    request: IncomingMessage,
    response: ServerResponse,
    service: string,
    query: URLSearchParams,
  ): Promise<void> {
    const given = request.headers['if-none-match'];
    const waitS = Math.min(MAX_WAIT_S, Math.max(0, Number(query.get('wait') ?? 0) || 0));
    if (given === this.#etag(service) && waitS > 0) await this.#change(service, waitS * 1000, response);
    if (response.destroyed) return;
    const etag = this.#etag(service);
    response.setHeader('etag', etag);
    response.setHeader('cache-control', 'no-cache');
    if (given === etag) {
      response.writeHead(304).end();
      return;
    }
    await this.#lists.send(service, response);
  }

  async #write(request: IncomingMessage, response: ServerResponse, service: string, id: string): Promise<void> {
    const { store } = this.#options;
    const nowMs = this.#options.wallClockMs?.() ?? Date.now();
    if (request.method === 'DELETE') {
      const heldBy = store.get(service, id)?.signature;
      const asked = { method: 'DELETE', service, serverId: id } as const;
      if (heldBy !== undefined && !mayRemove(request.headers, heldBy.keyId, asked, nowMs)) {
        throw forbidden(`'${id}' is taken back by whoever holds its key`);
      }
      await store.remove(service, id);
    } else {
      const body = await readBody(request);
      const { record, ttlMs } = readServer(parsed(body));
      const own = record.serverId === '' ? record.addresses[0] : record.serverId;
      if (own !== id) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `the record is of '${own}', not of '${id}'`);
      const asked = { method: 'PUT', service, serverId: id, body } as const;
      const refusal = this.#keyRefusal(request, record, asked, nowMs);
      if (refusal !== undefined) throw forbidden(refusal);
      await store.put(service, id, record, ttlMs ?? DEFAULT_TTL_MS);
    }
    response.writeHead(204).end();
  }

  /** A server id belongs to the key that announced it first, for as long as it is announced. */
  #keyRefusal(request: IncomingMessage, record: ServerRecord, asked: KeyRequest, nowMs: number): string | undefined {
    const { signature } = record;
    const heldBy = this.#options.store.get(asked.service, asked.serverId)?.signature;
    if (signature === undefined) {
      if (heldBy !== undefined) return `'${asked.serverId}' is announced by whoever holds its key`;
      return this.#options.signedOnly === true ? 'only signed records are taken here' : undefined;
    }
    if (heldBy !== undefined && heldBy.keyId !== signature.keyId) {
      return `'${asked.serverId}' is announced with another key`;
    }
    if (heldBy !== undefined && signature.issuedMs < heldBy.issuedMs) return 'a newer record of it is here: a replay';
    return announcingRefusal(request.headers, record, asked, nowMs);
  }

  #etag(service: string): string {
    return `"${this.#life}-${this.#options.store.version(service)}"`;
  }

  /** Until the service changes, the time is over, or the client has gone. */
  async #change(service: string, withinMs: number, response: ServerResponse): Promise<void> {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    const over = new AbortController();
    const unlisten = this.#options.store.onChange((changed) => changed === service && over.abort());
    const gone = () => over.abort();
    response.on('close', gone);
    await delay(this.#clock, withinMs, over.signal);
    response.off('close', gone);
    unlisten();
    this.#waiting--;
  }

  #report(error: unknown): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // A reporter of errors that fails has nobody to report to.
    }
  }
}

function hasCertificate({ socket }: IncomingMessage): boolean {
  return socket instanceof TLSSocket && socket.authorized;
}

/** Compared by their hashes, in constant time, so that the time says nothing of the token. */
function permitted({ headers }: IncomingMessage, tokens: readonly string[] | undefined): boolean {
  if (tokens === undefined) return true;
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (given === undefined) return false;
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return tokens.map((token) => timingSafeEqual(hash(token), hash(given))).includes(true);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', `more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'the body is no JSON', { cause });
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/** What a client is told: of its own mistakes all, of ours nothing. */
function failure(error: unknown): { readonly status: number; readonly text: string } {
  if (!(error instanceof KwikError)) return { status: 500, text: 'the registry failed' };
  const { code, message } = error;
  if (code === 'ERR_KWIK_INVALID_ARGUMENT' || code === 'ERR_KWIK_INVALID_MESSAGE')
    return { status: 400, text: message };
  if (code === 'ERR_KWIK_PERMISSION_DENIED') return { status: 403, text: message };
  if (code === 'ERR_KWIK_PACKET_TOO_LARGE') return { status: 413, text: message };
  if (code === 'ERR_KWIK_LIMIT_EXCEEDED') return { status: 507, text: message };
  return { status: 500, text: 'the registry failed' };
}

function forbidden(message: string): KwikError {
  return new KwikError('ERR_KWIK_PERMISSION_DENIED', message);
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
}
