import {
  checkArgument,
  checkOptions,
  KwikError,
  optionRules,
  type Clock,
  type DiscoverySnapshot,
  type ServerRecord,
} from '@kwik/wire';
import { aRecord } from '../../core/records/server-record.js';
import { systemClock } from '../system-clock.js';
import type { DiscoverySource } from '../discovery-source.js';
import { proofHeaders } from '../../signing/key-proof.js';
import type { RecordSigner } from '../../signing/record-signer.js';
import { keepAnnounced, type Announcement } from '../announcement.js';
import { readServers, writeServer } from '../server-list-shape.js';
import { delay } from '../waiting.js';
import { apiBase, boundedRequest, CREDENTIAL_RULES, type HttpCredentials } from './bounded-request.js';

/** How long the API may keep a question open while nothing changes: below what proxies allow, commonly 60 s. */
const WAIT_S = 25;
const SLACK_MS = 5000;
/** An API that answers long polls at once is asked no more often than this. */
const SHORTEST_MS = 1000;
const TTL_MS = 30_000;
const MAX_REASON_CHARACTERS = 1000;

export interface HttpApiOptions extends HttpCredentials {
  /** `https://HOST/BASE`; what follows is `v1/services/SERVICE/servers`. Plain http takes a token on this machine only. */
  readonly url: string;
  readonly service: string;
  /** Default: `http`. */
  readonly name?: string;
  /** How long the API may hold a question open, seconds; 0: not at all, and it is asked every 10 s. Default: 25. */
  readonly waitSeconds?: number;
  readonly clock?: Clock;
}

const { call, clock: aClock, group, objectWith, positiveMilliseconds, text } = optionRules;
/** How long a server may hold a question open; beyond that a proxy ends it. */
const MAX_WAIT_S = 3600;
const waiting = optionRules.value(
  `seconds, from 0 to ${MAX_WAIT_S}`,
  (given) => optionRules.amount.accepts(given) && (given as number) <= MAX_WAIT_S,
);
const API = { ...CREDENTIAL_RULES, url: text, service: text, name: text, waitSeconds: waiting, clock: aClock };
const API_RULES = group<HttpApiOptions>(API, ['url', 'service']);

/**
 * Servers of an HTTP API, as `registryApi` makes one: a long poll that is answered when something changed, by ETag. Throws
 * ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong.
 */
export function httpApi(options: HttpApiOptions): DiscoverySource {
  checkOptions(options, { call: 'httpApi', root: API_RULES });
  const base = apiBase(options.url, options);
  const { service, clock = systemClock(), waitSeconds = WAIT_S, name = 'http' } = options;
  return {
    name,
    async *watch(signal) {
      let etag: string | undefined;
      for (;;) {
        const startMs = clock.now();
        const url = new URL(`v1/services/${encodeURIComponent(service)}/servers`, base);
        if (etag !== undefined && waitSeconds > 0) url.searchParams.set('wait', String(waitSeconds));
        const reply = await boundedRequest({
          ...options,
          url,
          method: 'GET',
          headers: etag === undefined ? {} : { 'if-none-match': etag },
          timeoutMs: waitSeconds * 1000 + SLACK_MS,
          signal,
        });
        if (reply.status === 200) {
          etag = reply.etag;
          yield readReply(reply.body, url);
        } else if (reply.status !== 304) throw refused(url, reply.status);
        const leastMs = etag === undefined || waitSeconds === 0 ? 10_000 : SHORTEST_MS;
        await delay(clock, startMs + leastMs - clock.now(), signal);
        if (signal.aborted) return;
      }
    },
  };
}

export interface HttpAnnounceOptions extends HttpApiOptions {
  /** How long the API believes it after the last renewal, milliseconds. Default: 30,000. */
  readonly ttlMs?: number;
  readonly onFailure?: (error: unknown) => void;
  /** Signs what is told, so that nobody without its key announces, or takes back, a server of this id. */
  readonly signer?: RecordSigner;
}

const ANNOUNCE_RULES = group<HttpAnnounceOptions>(
  { ...API, ttlMs: positiveMilliseconds, onFailure: call, signer: objectWith('sign', 'prove') },
  ['url', 'service'],
);

/**
 * Tells the API of a server, again and again until the announcement is closed, which takes it back. Throws
 * ERR_KWIK_INVALID_ARGUMENT, which names what is wrong.
 */
export function announceByHttp(record: ServerRecord, options: HttpAnnounceOptions): Announcement {
  checkArgument('announceByHttp', 'record', record, aRecord);
  checkOptions(options, { call: 'announceByHttp', root: ANNOUNCE_RULES });
  const base = apiBase(options.url, options);
  const { service, ttlMs = TTL_MS, clock = systemClock(), onFailure, signer } = options;
  const id = record.serverId === '' ? (record.addresses[0] ?? '') : record.serverId;
  const url = new URL(`v1/services/${encodeURIComponent(service)}/servers/${encodeURIComponent(id)}`, base);
  const send = async (method: 'PUT' | 'DELETE', now: ServerRecord, signal: AbortSignal): Promise<void> => {
    const body = method === 'PUT' ? writeServer(signer?.sign(now) ?? now, ttlMs) : undefined;
    const proof = signer?.prove({ method, serverId: id, body });
    const headers: Record<string, string> = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(proof !== undefined && proofHeaders(proof)),
    };
    const reply = await boundedRequest({
      ...options,
      url,
      method,
      headers,
      ...(body !== undefined && { body }),
      timeoutMs: SLACK_MS,
      signal,
    });
    if (reply.status >= 300) throw refused(url, reply.status, reasonIn(reply.body));
  };
  return keepAnnounced(record, {
    clock,
    everyMs: ttlMs / 3,
    onFailure,
    put: (now, signal) => send('PUT', now, signal),
    remove: (now, signal) => send('DELETE', now, signal),
  });
}

function readReply(body: string, url: URL): DiscoverySnapshot {
  return readServers(body, `the answer of ${url.host}`);
}

/** What the API says, where it is JSON of ours: a line. */
function reasonIn(body: string): string | undefined {
  try {
    const said = JSON.parse(body.slice(0, MAX_REASON_CHARACTERS)) as { readonly error?: unknown };
    return typeof said.error === 'string' ? said.error.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ') : undefined;
  } catch {
    return undefined;
  }
}

function refused(url: URL, status: number, reason?: string): KwikError {
  const code = status === 401 || status === 403 ? 'ERR_KWIK_AUTH_FAILED' : 'ERR_KWIK_CONNECT_FAILED';
  return new KwikError(code, `${url.host} answers ${status}${reason === undefined ? '' : `: ${reason}`}`);
}
