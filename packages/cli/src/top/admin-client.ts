import { KwikError } from '@kwik/wire';
import { z } from 'zod';
import { usageError } from '../errors.js';

const TIMEOUT_MS = 5_000;
/** Far above what a page of 1,000 sessions has; who answers may be anybody. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const healthSchema = z.object({ status: z.enum(['ok', 'degraded', 'failing']), problems: z.array(z.string()) });

const stateSchema = z.object({
  session: z.string(),
  total: z.number(),
  sessions: z.array(
    z.object({
      id: z.string(),
      role: z.string(),
      /** Of a server with several. */
      worker: z.number().optional(),
      peer: z.string(),
      ageMs: z.number(),
      paths: z.number(),
      active: z.number(),
      // A server of an earlier version does not say.
      service: z.string().default('full'),
      serviceReason: z.string().default(''),
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
      /** Why it is in its state, in words. */
      reason: z.string(),
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
    return parsed(stateSchema, await this.text(path), this.#url);
  }

  /** Rejects as `state` does. */
  async health(): Promise<AdminHealth> {
    return parsed(healthSchema, await this.text('health'), this.#url);
  }

  /** One of the other pages, as it is. Rejects as `state` does. */
  async text(path: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      const body = (await this.#get(path)).body as AsyncIterable<Uint8Array> | null;
      for await (const chunk of body ?? []) {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
        chunks.push(chunk);
      }
    } catch (cause) {
      if (cause instanceof KwikError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new KwikError('ERR_KWIK_CONNECT_FAILED', `${this.#url.origin} did not answer to the end: ${why}`, {
        cause,
      });
    }
    return Buffer.concat(chunks).toString();
  }

  async #get(path: string): Promise<Response> {
    const headers = this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(new URL(path, this.#url), { headers, signal, redirect: 'manual' }).catch(
      (cause: unknown) => {
        const text = `nobody answers at ${this.#url.origin}; was the server started with --admin?`;
        throw new KwikError('ERR_KWIK_CONNECT_FAILED', text, { cause });
      },
    );
    if (response.status === 401) {
      throw new KwikError('ERR_KWIK_AUTH_FAILED', 'the page asks for its token; set KWIK_ADMIN_TOKEN to it');
    }
    // A probe that finds something wrong is an answer, too.
    if (response.ok || response.status === 503) return response;
    throw new KwikError('ERR_KWIK_CONNECT_FAILED', `${this.#url.origin} answers with ${response.status}`);
  }
}

/** Whoever answers at the address may be something else. */
function parsed<T>(schema: z.ZodType<T>, text: string, { origin }: URL): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    const message = `what answers at ${origin} is no --admin page of this version`;
    throw new KwikError('ERR_KWIK_CONNECT_FAILED', message, { cause });
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
