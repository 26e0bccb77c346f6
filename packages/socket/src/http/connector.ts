import type { Duplex } from 'node:stream';
import { type ConnectionOptions as TlsOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { connect } from '../connect.js';
import type { KwikSettings } from '../settings/settings.js';

/** What undici asks of a connector (`undici.buildConnector.Options`). */
export interface ConnectorRequest {
  readonly hostname: string;
  /** `https:` or `http:`. */
  readonly protocol: string;
  /** Empty: that of the protocol. */
  readonly port: string;
  readonly servername?: string | null | undefined;
  readonly localAddress?: string | null | undefined;
}

/** As undici calls it. Both members are its own classes there, which these sockets stand in for. */
export type Connector = (
  request: ConnectorRequest,
  callback: (...args: [error: null, socket: never] | [error: Error, socket: null]) => void,
) => void;

export interface ConnectorOptions {
  readonly kwik?: KwikSettings;
  /** For origins with `https:`. */
  readonly tls?: TlsOptions;
  /** For a whole connect, TLS included, milliseconds. Default: 10,000, as undici's own. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const HTTPS_PORT = 443;
const HTTP_PORT = 80;

/** Connections of undici over KWIK: `new Agent({ connect: kwikConnector() })`. */
export function kwikConnector({ kwik, tls, timeoutMs = TIMEOUT_MS }: ConnectorOptions = {}): Connector {
  return ({ hostname, protocol, port, servername, localAddress }, callback) => {
    const isSecure = protocol === 'https:';
    const host = hostname.replace(/^\[|\]$/gu, '');
    const number = port === '' ? (isSecure ? HTTPS_PORT : HTTP_PORT) : Number(port);
    const plain = connect({ host, port: number, kwik, localAddress: localAddress ?? undefined });
    const name = servername ?? host;
    const socket = isSecure ? secure(plain, { ALPNProtocols: ['http/1.1'], servername: name, ...tls }) : plain;
    tellWhenReady(socket, isSecure ? 'secureConnect' : 'connect', timeoutMs, callback);
  };
}

function secure(socket: Duplex, options: TlsOptions): TLSSocket {
  return connectTls({ ...options, socket });
}

/** Calls back once. */
function tellWhenReady(
  socket: Duplex,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
  callback: Parameters<Connector>[1],
): void {
  const late = setTimeout(() => {
    socket.destroy(Object.assign(new Error('Connect Timeout Error'), { code: 'UND_ERR_CONNECT_TIMEOUT' }));
  }, timeoutMs);
  const over = (): void => {
    clearTimeout(late);
    socket.off(event, onReady).off('error', onError);
  };
  const onReady = (): void => {
    over();
    callback(null, socket as never);
  };
  const onError = (error: Error): void => {
    over();
    callback(error, null);
  };
  socket.on(event, onReady).on('error', onError);
}
