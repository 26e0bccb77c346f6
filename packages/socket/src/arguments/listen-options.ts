import type { KwikSettings } from '../settings/settings.js';
import { isPort } from './connect-options.js';
import { normalizeArguments, toNumber, type Callback } from './normalize.js';
import { refuseListen, unsupported } from './refused-by-node.js';

/** Options of `server.listen`; those of `node:net`, and `kwik`. */
export interface ServerListenOptions {
  readonly port?: number | string | null | undefined;
  readonly host?: string | undefined;
  readonly backlog?: number | undefined;
  readonly path?: string | undefined;
  readonly exclusive?: boolean | undefined;
  readonly ipv6Only?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly fd?: number;
  readonly handle?: unknown;
  readonly _handle?: unknown;
  readonly kwik?: KwikSettings | undefined;
}

/** What `listen` was asked, checked. */
export interface CheckedListen {
  /** Absent: every address. */
  readonly host: string | undefined;
  readonly port: number;
  /** Connections that may wait to be accepted; absent where it does not say. */
  readonly backlog: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly kwik: KwikSettings | undefined;
  readonly callback: Callback | undefined;
}

/** Throws what `node:net` throws, and ERR_KWIK_UNSUPPORTED for pipes, descriptors and handles. */
export function checkListen(args: readonly unknown[]): CheckedListen {
  const { options, callback }: { options: ServerListenOptions; callback: Callback | undefined } =
    normalizeArguments(args);
  const { host, path, fd, signal, kwik } = options;
  if (options.handle !== undefined || options._handle !== undefined || (typeof fd === 'number' && fd >= 0)) {
    throw unsupported('listening on a descriptor or a handle');
  }
  const given = portOf(args, options);
  if (given === undefined && typeof path === 'string' && path !== '') {
    throw unsupported('a pipe or Unix domain socket');
  }
  if (!isPort(given) || !isSignal(signal)) refuseListen(options);
  const backlog = [options.backlog, toNumber(args[1]), toNumber(args[2])].find(
    (each) => each !== undefined && each > 0,
  );
  return { host: host === '' ? undefined : host, port: Number(given), backlog, signal, kwik, callback };
}

function portOf(args: readonly unknown[], options: ServerListenOptions): unknown {
  const omitted = args.length === 0 || typeof args[0] === 'function';
  if (omitted || options.port === null || ('port' in options && options.port === undefined)) return 0;
  return options.port;
}

function isSignal(signal: unknown): signal is AbortSignal | undefined {
  return signal === undefined || (typeof signal === 'object' && signal !== null && 'aborted' in signal);
}
