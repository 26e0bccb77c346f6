import { sourcesOfEnvironment } from '@kwik/discovery';
import type { ClientAuthenticator, DialOptions, ListenOptions, ServerAuthenticator, StreamIntent } from '@kwik/session';
import { STREAM_MODES, type Discovery } from '@kwik/wire';

/**
 * What KWIK needs to know and `node:net` has no option for: by `configure`, by the member `kwik` of the options of one
 * call, or by variables of the environment. What a call says counts before what `configure` said, and that before the
 * environment.
 */
export interface KwikSettings {
  /**
   * Authorities that sign the certificates of servers, PEM or the path of a file; `KWIK_CA`. Without it, and without `pins`,
   * only servers on this machine can be reached.
   */
  readonly ca?: string;
  /** The certificate that servers here show, PEM with its intermediates or the path of a file; `KWIK_CERT`. */
  readonly cert?: string;
  /** And its private key, PEM or the path of a file; `KWIK_KEY`. */
  readonly key?: string;
  /** SHA-256 of servers' public keys (SPKI), hexadecimal or base64; `KWIK_PINS`, separated by commas. */
  readonly pins?: readonly string[];
  /** The name to expect in the server's certificate. Default: the host that is connected to. */
  readonly serverName?: string;
  /** How clients here say who they are. Default: not at all. */
  readonly clientAuth?: readonly ClientAuthenticator[];
  /** Whom servers here let in. Default: everybody who reaches them. */
  readonly serverAuth?: readonly ServerAuthenticator[];
  /**
   * Relays, `host:port`, by way of which sockets reach their servers besides, or at all; `KWIK_RELAYS`, separated by commas.
   * They are relays for clients (`kwik relay --for-clients`): the nearest two carry, a third stands by.
   */
  readonly relays?: readonly string[];
  /**
   * Relays, `host:port`, that servers here bring into the sessions of their clients, which need to know nothing of them;
   * `KWIK_SERVER_RELAYS`, separated by commas. They believe this server's certificate (`kwik relay --ca`).
   */
  readonly serverRelays?: readonly string[];
  /**
   * Finds the servers of a service, whose name then stands for a host: `createDiscovery` of `@kwik/discovery`, or sources in
   * words; `KWIK_DISCOVER`, separated by spaces.
   */
  readonly discovery?: Discovery | readonly string[];
  /** Chooses the path of each piece of data, where several lead to the peer; `KWIK_SCHEDULER`. Default: `adaptive`. */
  readonly scheduler?: NonNullable<DialOptions['writes']>['scheduler'];
  /**
   * How a socket's bytes want to be carried: `{ mode: 'fast' }` for little that is waited for, `'reliable'` for what must not
   * pause when a path dies; `KWIK_INTENT` is a mode. A client's counts for both directions, unless the server has one of its
   * own. Default: `bulk`.
   */
  readonly intent?: StreamIntent;
  /**
   * What is written before a socket is connected goes with the request for the connection, up to 8,190 bytes, as with TCP Fast
   * Open (RFC 7413): the answer to it comes one round trip sooner. `KWIK_FAST_OPEN=1`. The server may get it in two connections
   * where a connect is tried again, or two servers that one name leads to, and may have got it though the connect failed: for
   * protocols whose first message may be repeated. Not with a service that discovery finds. Default: false.
   */
  readonly fastOpen?: boolean;
  /** For a whole connect, milliseconds; `KWIK_CONNECT_MS`. Default: 30,000. */
  readonly connectMs?: number;
  /** For a lost peer to be reached again before its sockets fail, milliseconds; `KWIK_RECOVERY_MS`. Default: 10,000. */
  readonly recoveryMs?: number;
  /** Bounds of the sessions that sockets share. */
  readonly pool?: PoolSettings;
  /** Further options of `dial` and `listen` of `@kwik/session`; what stands above counts before them. */
  readonly dial?: DialOptions;
  readonly listen?: Omit<ListenOptions, 'host' | 'port'>;
}

export interface PoolSettings {
  /** A session without sockets is closed after so long, milliseconds; `KWIK_POOL_IDLE_MS`. Default: 5,000. */
  readonly idleMs?: number;
  /** Sockets that share a session; the next one opens a further session. Default: 512. */
  readonly maxSockets?: number;
  /** Sessions without sockets at once; the one that has been so for longest goes. Default: 64. */
  readonly maxIdle?: number;
}

/** `KWIK_*` variables as settings. Throws TypeError for a number that is none. */
export function settingsOf(env: NodeJS.ProcessEnv): KwikSettings {
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const list = (name: string): string[] | undefined =>
    text(name)
      ?.split(',')
      .map((one) => one.trim());
  const idleMs = milliseconds(env, 'KWIK_POOL_IDLE_MS');
  return withoutUndefined<KwikSettings>({
    ca: text('KWIK_CA'),
    cert: text('KWIK_CERT'),
    key: text('KWIK_KEY'),
    pins: list('KWIK_PINS'),
    relays: list('KWIK_RELAYS'),
    serverRelays: list('KWIK_SERVER_RELAYS'),
    serverName: text('KWIK_SERVER_NAME'),
    discovery: text('KWIK_DISCOVER') === undefined ? undefined : sourcesOfEnvironment(env),
    scheduler: text('KWIK_SCHEDULER'),
    intent: modeOf(text('KWIK_INTENT')),
    fastOpen: flag(env, 'KWIK_FAST_OPEN'),
    connectMs: milliseconds(env, 'KWIK_CONNECT_MS'),
    recoveryMs: milliseconds(env, 'KWIK_RECOVERY_MS'),
    pool: idleMs === undefined ? undefined : { idleMs },
  });
}

/** Later settings count before earlier ones; the pool's members each. */
export function mergeSettings(...layers: readonly (KwikSettings | undefined)[]): KwikSettings {
  let merged: KwikSettings = {};
  for (const layer of layers) {
    const pool = { ...merged.pool, ...withoutUndefined<PoolSettings>(layer?.pool ?? {}) };
    merged = { ...merged, ...withoutUndefined<KwikSettings>(layer ?? {}), pool };
  }
  return merged;
}

function modeOf(text: string | undefined): StreamIntent | undefined {
  if (text === undefined) return undefined;
  const mode = STREAM_MODES.find((one) => one === text);
  if (mode === undefined) throw new TypeError(`KWIK_INTENT is '${text}'; it takes ${STREAM_MODES.join(', ')}`);
  return { mode };
}

function flag(env: NodeJS.ProcessEnv, name: string): boolean | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  if (text === '1' || text === '0') return text === '1';
  throw new TypeError(`${name} is '${text}'; it takes 1 or 0`);
}

function milliseconds(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`${name} is '${text}'; it takes a whole number of milliseconds`);
}

function withoutUndefined<T extends object>(settings: { [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
}
