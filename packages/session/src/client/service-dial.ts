import { raceAttempts, systemClock } from '@kwik/quic';
import {
  KwikError,
  type ChosenServer,
  type ErrorCode,
  type SelectionResult,
  type ServerDirectory,
  type ServerRecord,
} from '@kwik/wire';
import type { DialOptions, DialTarget } from '../api/options.js';
import type { PathInfo, Session } from '../api/session.js';
import type { ConnectOptions, Connector } from './connector.js';
import { formatAddress, parseTarget } from './target.js';

/** Servers that are begun at, one after the other, until one answers. */
const MAX_SERVERS = 4;
/** What a server has for itself before the next one is asked as well; as between addresses of one (RFC 8305, section 5). */
const HEAD_START_MS = 250;
const MAX_REASONS = 8;

/** Opens a session with one server, by options of its own. Their signal is aborted when another one was faster. */
export type OpenAt = (server: ServerRecord, options: DialOptions) => Promise<Session>;

/** The name of a service in `kwik:NAME`; undefined for an address, also that of a host which is called kwik. */
export function serviceOf(target: string | DialTarget): string | undefined {
  if (typeof target !== 'string') return undefined;
  const name = /^kwik:(?!\/\/)(.+)$/.exec(target)?.[1];
  return name === undefined || /^\d{1,5}$/.test(name) ? undefined : name;
}

/**
 * A session with one of the servers of a service: the best is begun at, 250 ms later the next as well, and so on up to four;
 * the first that answers is kept. Rejects with the reasons of all, or with ERR_KWIK_INVALID_ARGUMENT without discovery.
 */
export async function dialService(service: string, options: DialOptions, open: OpenAt): Promise<Session> {
  const { discovery, signal, runtime } = options;
  if (discovery === undefined) {
    const text = `to dial the service '${service}', give the option discovery (createDiscovery of @kwik/discovery)`;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  const directory = discovery.service(service);
  // Of a zone that died whole, two at the most are tried before one elsewhere.
  const request = { capabilities: ['primary'], count: MAX_SERVERS, apart: true } as const;
  const selection = await directory.select(request, { signal });
  if (selection.chosen.length === 0) throw nobody(service, selection);
  return raceAttempts<ChosenServer, Session>({
    candidates: selection.chosen,
    clock: runtime?.clock ?? systemClock(),
    signal,
    delayMs: () => HEAD_START_MS,
    attempt: async ({ record }, raceSignal) => {
      try {
        const session = await open(record, optionsFor(record, options, raceSignal));
        watchConduct(session, directory);
        return session;
      } catch (error) {
        const reason = KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED');
        if (speaksAgainst(reason)) directory.observe(keyOf(record), { kind: 'failure', error: reason });
        throw reason;
      }
    },
    discard: (session) => void session.close(0, 'another server was faster'),
    verdict: (error, failures) => {
      if (error.code === 'ERR_KWIK_ABORTED' && signal?.aborted === true) return error;
      return failures.size === selection.chosen.length ? allFailed(service, failures) : undefined;
    },
  });
}

/** The options of a dial of this server: its further addresses, and its name in certificates. */
function optionsFor(server: ServerRecord, options: DialOptions, signal: AbortSignal): DialOptions {
  const [, ...further] = server.addresses;
  const { alternatives = [] } = options.paths ?? {};
  const serverName = options.trust?.serverName ?? server.serverName;
  return {
    ...options,
    signal,
    paths: { ...options.paths, alternatives: [...further, ...alternatives] },
    ...(serverName !== undefined && { trust: { ...options.trust, serverName } }),
  };
}

/** The same connections, but for those to this server: they must show the key that discovery says, if it says one. */
export function pinnedTo(server: ServerRecord, connector: Connector): Connector {
  const { pin } = server;
  if (pin === undefined) return connector;
  return {
    connect: (target: DialTarget, options: ConnectOptions) => {
      const own = server.addresses.includes(formatAddress(target.host, target.port));
      return connector.connect(target, own ? { requiredPin: pin, ...options } : options);
    },
    close: () => connector.close(),
  };
}

export function firstTarget(server: ServerRecord): DialTarget {
  return parseTarget(server.addresses[0] ?? '');
}

/** What becomes of the session's paths is what discovery knows of their servers, without a probe. */
function watchConduct(session: Session, directory: ServerDirectory): void {
  const told = new Map<number, string>();
  const tell = (path: PathInfo): void => {
    if (told.get(path.id) === path.state) return;
    told.set(path.id, path.state);
    const { serverId = '', address, rttMs, errorCode } = path;
    const key = directory.find(serverId) === undefined ? address : serverId;
    if (path.state === 'active') directory.observe(key, { kind: 'success', ...(rttMs > 0 && { rttMs }) });
    if (path.state !== 'dead' || errorCode === undefined) return;
    const error = new KwikError(errorCode, path.reason);
    if (speaksAgainst(error)) directory.observe(key, { kind: 'failure', error });
  };
  for (const path of session.getAllPaths()) tell(path);
  const end = session.onPathChange(tell);
  void session.closed.then(end);
}

/** What this end decided, or lacks. */
const OF_THIS_END: readonly ErrorCode[] = [
  'ERR_KWIK_ABORTED',
  'ERR_KWIK_CREDENTIALS',
  'ERR_KWIK_INVALID_ARGUMENT',
  'ERR_KWIK_PATH_REMOVED',
  'ERR_KWIK_SESSION_CLOSED',
  'ERR_KWIK_NO_ERROR',
];

/** Whether the failure says anything of the server. */
function speaksAgainst({ code }: KwikError): boolean {
  return !OF_THIS_END.includes(code);
}

function keyOf({ serverId, addresses }: ServerRecord): string {
  return serverId === '' ? (addresses[0] ?? '') : serverId;
}

function nobody(service: string, { rejected, notes }: SelectionResult): KwikError {
  const reasons = [...notes, ...rejected.map(({ record, reason }) => `${keyOf(record)}: ${reason}`)];
  const shown = reasons.slice(0, MAX_REASONS).join('; ');
  const text = `no server of '${service}' can be dialled${shown === '' ? ': none is known' : `. ${shown}`}`;
  return new KwikError('ERR_KWIK_CONNECT_FAILED', text);
}

function allFailed(service: string, failures: ReadonlyMap<ChosenServer, KwikError>): KwikError {
  const each = [...failures].map(([{ record }, error]) => `${keyOf(record)}: ${error.message}`).join('; ');
  const [first] = failures.values();
  return new KwikError('ERR_KWIK_CONNECT_FAILED', `none of the servers of '${service}' answers. ${each}`, {
    cause: first,
  });
}
