import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { checkOptions, KwikError, optionRules } from '@kwik/wire';
import { ADDRESS_RULES, checkAdminAddress, hasOwnName, mayEnter, type AdminAddress } from './admin-rules.js';
import { askForToken, isOpenPath, LOGIN_PATH, logIn } from './login.js';

/** What a probe asks: a name, and what is wrong, in words; undefined when nothing is. */
export type HealthCheck = () => readonly string[];

/** Answers one path. */
export type AdminRoute = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

export interface AdminOptions extends AdminAddress {
  /** By their paths, such as `/metrics`. */
  readonly routes: Readonly<Record<string, AdminRoute>>;
}

const { anObject, call } = optionRules;
const RULES = optionRules.group<AdminOptions>(
  {
    ...ADDRESS_RULES,
    routes: optionRules.value('an object of functions, by paths', (given) => {
      return anObject.accepts(given) && Object.values(given as object).every((one) => call.accepts(one));
    }),
  },
  ['port', 'routes'],
);

/** Browsers, scrapers and probes of one server are few. */
const MAX_CONNECTIONS = 64;
const HEADERS_TIMEOUT_MS = 5_000;
/** Of a whole request: there is one with a body, and that is a token. */
const REQUEST_TIMEOUT_MS = 10_000;

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** The operator's HTTP server: it shows, and changes nothing. */
export class AdminServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: AdminOptions;
  #address: AddressInfo = { address: '', port: 0, family: '' };

  private constructor(options: AdminOptions) {
    this.#options = options;
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    const { tls } = options;
    this.#server =
      tls === undefined
        ? createServer(handle)
        : createTlsServer({ ...tls, minVersion: 'TLSv1.3', handshakeTimeout: HEADERS_TIMEOUT_MS }, handle);
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
  }

  /**
   * Rejects with ERR_KWIK_CREDENTIALS for an address beyond this machine without TLS and token, and for TLS that cannot be read;
   * with ERR_KWIK_INVALID_ARGUMENT for options that are wrong, and when the address cannot be had.
   */
  static async listen(options: AdminOptions): Promise<AdminServer> {
    checkOptions(options, { call: 'AdminServer.listen', root: RULES });
    checkAdminAddress(options);
    const admin = made(options, () => new AdminServer(options));
    await admin.#listen();
    return admin;
  }

  /** Also when it is closed: where it was. */
  get url(): string {
    const { address, port, family } = this.#address;
    const scheme = this.#options.tls === undefined ? 'http' : 'https';
    return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
  }

  /** Ends connections that are still open, too. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(): Promise<void> {
    const { host = '127.0.0.1', port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const text = `the admin page cannot listen on ${host}:${port}: ${cause.code ?? cause.message}`;
        reject(new KwikError('ERR_KWIK_INVALID_ARGUMENT', text, { cause }));
      });
      this.#server.listen(port, host, () => {
        // What goes wrong with a connection later is that connection's.
        this.#server.on('error', () => undefined);
        this.#server.unref();
        this.#address = this.#server.address() as AddressInfo;
        resolve();
      });
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    try {
      await this.#route(request, response);
    } catch {
      // What went wrong may name what a visitor should not read.
      if (!response.headersSent) answer(response, 500, 'something went wrong here\n');
      else response.destroy();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { token, routes } = this.#options;
    const refusal = refusalOf(request, this.#options);
    if (refusal !== undefined) {
      answer(response, ...refusal);
      return;
    }
    const url = targetOf(request);
    if (token !== undefined && isLogin(request)) await logIn(request, response, token);
    else if (!mayEnter(request, token) && !isOpenPath(url?.pathname ?? '')) askForToken(request, response);
    else if (url !== undefined && Object.hasOwn(routes, url.pathname)) {
      await routes[url.pathname]?.(request, response, url);
    } else answer(response, 404, 'there is nothing here\n');
  }
}

/** What is refused whoever asks. */
function refusalOf(request: IncomingMessage, address: AdminAddress): [status: number, text: string] | undefined {
  if (!hasOwnName(request, address)) return [421, 'ask for this page by its address\n'];
  const { method } = request;
  if (method === 'GET' || method === 'HEAD' || (address.token !== undefined && isLogin(request))) return undefined;
  return [405, 'only GET\n'];
}

function isLogin({ method, url }: IncomingMessage): boolean {
  return method === 'POST' && url === LOGIN_PATH;
}

function targetOf(request: IncomingMessage): URL | undefined {
  try {
    return new URL(request.url ?? '/', 'http://admin.invalid');
  } catch {
    return undefined;
  }
}

export function answer(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` }).end(text);
}

/** Node reads certificate and key at once; its error may quote them. */
function made({ tls }: AdminOptions, make: () => AdminServer): AdminServer {
  try {
    return make();
  } catch (cause) {
    if (tls === undefined) throw cause;
    throw new KwikError('ERR_KWIK_CREDENTIALS', 'certificate and key of the admin page are no pair in PEM');
  }
}
