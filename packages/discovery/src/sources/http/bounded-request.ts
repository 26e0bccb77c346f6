import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { KwikError, optionRules } from '@kwik/wire';

/** Some 10,000 servers; a server that sends more is wrong or hostile. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Who asks: by a token, by a certificate, or both. */
export interface HttpCredentials {
  /** Sent as `authorization: Bearer …`. */
  readonly token?: string;
  /** PEM authorities of the API's certificate. Default: those of Node. */
  readonly ca?: string;
  /** PEM client certificate and key. */
  readonly cert?: string;
  readonly key?: string;
}

/** Rules of those who take them among others of their own. */
export const CREDENTIAL_RULES = {
  token: optionRules.secret,
  ca: optionRules.text,
  cert: optionRules.text,
  key: optionRules.secret,
} satisfies Record<keyof HttpCredentials, optionRules.OptionRule>;

export interface HttpRequest extends HttpCredentials {
  readonly url: URL;
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole of it, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly etag: string | undefined;
  readonly body: string;
}

/**
 * One request, with a bound on time and on size; redirects are not followed, for they would carry the token elsewhere. Rejects with
 * ERR_KWIK_CONNECT_FAILED, ERR_KWIK_TIMEOUT, ERR_KWIK_PACKET_TOO_LARGE or ERR_KWIK_ABORTED. No message holds the token.
 */
export function boundedRequest(options: HttpRequest): Promise<HttpReply> {
  const { url, method, headers = {}, body, token, ca, cert, key, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const fail = (error: KwikError): void => {
      clearTimeout(timer);
      request.destroy();
      reject(error);
    };
    const broken = (error: Error): void =>
      fail(
        signal.aborted
          ? new KwikError('ERR_KWIK_ABORTED')
          : new KwikError('ERR_KWIK_CONNECT_FAILED', `${url.host}: ${error.message}`, { cause: error }),
      );
    const secure = url.protocol === 'https:';
    const request = (secure ? httpsRequest : httpRequest)(url, {
      method,
      signal,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(secure && { ca, cert, key }),
    });
    const timer = setTimeout(
      () => fail(new KwikError('ERR_KWIK_TIMEOUT', `${url.host} did not answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    timer.unref();
    request.on('error', broken);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('error', broken);
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > MAX_BODY_BYTES) {
          fail(new KwikError('ERR_KWIK_PACKET_TOO_LARGE', `${url.host} sends more than ${MAX_BODY_BYTES} bytes`));
        }
      });
      response.on('end', () => {
        clearTimeout(timer);
        if (!response.complete) return broken(new Error('the answer was cut off'));
        resolve({
          status: response.statusCode ?? 0,
          etag: response.headers.etag,
          body: Buffer.concat(chunks).toString('utf8'),
        });
      });
      response.on('close', () => response.complete || broken(new Error('the answer was cut off')));
    });
    request.end(body);
  });
}

/** Throws ERR_KWIK_INVALID_ARGUMENT for what is no base of an API, and for a token that would cross a network in the clear. */
export function apiBase(text: string, { token }: HttpCredentials): URL {
  const url = URL.canParse(text) ? new URL(text.endsWith('/') ? text : `${text}/`) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${text}' is no URL of an HTTP API; write https://HOST/…`);
  }
  if (url.protocol === 'http:' && token !== undefined && !isOnThisMachine(url.hostname)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a token is not sent to ${url.host} in the clear: use https`);
  }
  return url;
}

/** Nothing crosses a network on the way there. */
export function isOnThisMachine(host: string): boolean {
  return ['localhost', '127.0.0.1', '::1', '[::1]'].includes(host);
}
