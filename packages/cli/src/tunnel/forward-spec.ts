import { parseHostPort, formatHostPort, type HostPort } from '../address.js';
import { usageError } from '../errors.js';

/** `[BIND:]PORT:HOST:HOSTPORT`, as ssh has it. */
export interface ForwardSpec {
  /** Where connections are accepted. */
  readonly listen: HostPort;
  /** Where they lead. */
  readonly target: HostPort;
}

const DEFAULT_BIND = '127.0.0.1';
/** A host without colons, or an IPv6 address in brackets. */
const HOST = String.raw`(?:\[[^\]]+\]|[^:[\]]+)`;
const FORWARD = new RegExp(`^(?:(${HOST}):)?(\\d{1,5}):(${HOST}):(\\d{1,5})$`, 'u');

export function parseForward(text: string): ForwardSpec {
  const match = FORWARD.exec(text);
  if (match === null) {
    throw usageError(`'${text}' is not [BIND:]PORT:HOST:HOSTPORT; write for example 5432:db.internal:5432`);
  }
  const [, bind = DEFAULT_BIND, listenPort = '', host = '', port = ''] = match;
  return {
    listen: parseHostPort(`${bind}:${listenPort}`, { allowZero: true }),
    target: parseHostPort(`${host}:${port}`),
  };
}

/** One spelling for each target: what is compared with a list, and what the log says. */
export function nameOfTarget({ host, port }: HostPort): string {
  return formatHostPort({ host: host.toLowerCase().replace(/\.$/u, ''), port });
}
