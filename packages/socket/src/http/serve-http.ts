import type { EventEmitter } from 'node:events';
import { KwikServer, type ServerOptions } from '../server/server.js';

/** A server of `node:http`, `node:https` or `node:http2`. */
export interface HttpServer extends EventEmitter {
  /** Of its connections; those with TLS within are not half open. */
  readonly allowHalfOpen?: boolean;
  close(callback?: (error?: Error) => void): unknown;
}

/**
 * A server for the connections of an HTTP server that is never told to listen itself: `serveHttp(http.createServer(app))
 * .listen(8080)`. Whichever of the two is closed, the other one is, and connections without a request with it.
 */
export function serveHttp(server: HttpServer, options: ServerOptions = {}): KwikServer {
  return new KwikHttpServer(server, options);
}

// eslint-disable-next-line no-restricted-syntax -- KwikServer stands for Node's base class
class KwikHttpServer extends KwikServer {
  readonly #http: HttpServer;

  constructor(http: HttpServer, options: ServerOptions) {
    const { allowHalfOpen = false } = http;
    super({ allowHalfOpen, ...options }, (socket) => http.emit('connection', socket));
    this.#http = http;
    // By that it begins to enforce headersTimeout and requestTimeout.
    this.on('listening', () => http.emit('listening'));
    http.on('close', () => {
      if (this.listening) super.close();
    });
  }

  override close(callback?: (error?: Error) => void): this {
    super.close(callback);
    // It tells that it does not listen, as it does not; what counts is that it lets idle connections go.
    this.#http.close(() => undefined);
    return this;
  }
}
