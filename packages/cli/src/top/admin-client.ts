import { KwikError } from '@kwik/wire';
import { z } from 'zod';
import { usageError } from '../errors.js';

const TIMEOUT_MS = 5_000;

const healthSchema = z.object({ status: z.enum(['ok', 'failing']), problems: z.array(z.string()) });

const stateSchema = z.object({
  session: z.string(),
  total: z.number(),
  sessions: z.array(
    z.object({
      id: z.string(),
      role: z.string(),
      peer: z.string(),
      ageMs: z.number(),
      paths: z.number(),
      active: z.number(),
      sentPerSecond: z.number(),
      receivedPerSecond: z.number(),
    }),
  ),
  paths: z.array(
    z.object({
      id: z.number(),
      address: z.string(),
      server: z.string(),
      state: z.string(),
      flow: z.string(),
      unused: z.string(),
      rttMs: z.number(),
      lossRate: z.number(),
      share: z.number(),
      sentPerSecond: z.number(),
      receivedPerSecond: z.number(),
    }),
  ),
  alerts: z.array(z.object({ severity: z.string(), title: z.string(), now: z.string(), action: z.string() })),
  lines: z.array(z.object({ time: z.number(), level: z.string(), message: z.string() })),
});

export type AdminState = z.infer<typeof stateSchema>;
export type AdminHealth = z.infer<typeof healthSchema>;

/** Asks the operator's page of a process (`--admin`). */
export class AdminClient {
  readonly #url: URL;
  readonly #token: string | undefined;

  /** Throws a usage error for what is no address of such a page. */
  constructor(address: string, token: string | undefined) {
    this.#url = urlOf(address);
    this.#token = token;
  }

  /** Of the session that is named, or of the first. Rejects with ERR_KWIK_CONNECT_FAILED or ERR_KWIK_AUTH_FAILED. */
  async state(session?: string): Promise<AdminState> {
    const path = session === undefined ? 'state' : `state?session=${encodeURIComponent(session)}`;
    return stateSchema.parse(await (await this.#get(path)).json());
  }

  /** Rejects as `state` does. */
  async health(): Promise<AdminHealth> {
    return healthSchema.parse(await (await this.#get('health')).json());
  }

  async #get(path: string): Promise<Response> {
    const headers = this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(new URL(path, this.#url), { headers, signal }).catch((cause: unknown) => {
      const text = `nobody answers at ${this.#url.origin}; was the server started with --admin?`;
      throw new KwikError('ERR_KWIK_CONNECT_FAILED', text, { cause });
    });
    if (response.status === 401) {
      throw new KwikError('ERR_KWIK_AUTH_FAILED', 'the page asks for its token; set KWIK_ADMIN_TOKEN to it');
    }
    // A probe that finds something wrong is an answer, too.
    if (response.ok || response.status === 503) return response;
    throw new KwikError('ERR_KWIK_CONNECT_FAILED', `${this.#url.origin} answers with ${response.status}`);
  }
}

/** A port, `host:port`, or a URL. */
function urlOf(address: string): URL {
  const full = /^\d{1,5}$/u.test(address) ? `http://127.0.0.1:${address}` : address;
  try {
    const url = new URL(/^https?:\/\//u.test(full) ? full : `http://${full}`);
    url.pathname = '/';
    return url;
  } catch {
    throw usageError(`${address} is no port, HOST:PORT or URL of an --admin page`);
  }
}
