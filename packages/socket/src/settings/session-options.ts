import type { DialOptions, ListenOptions } from '@kwik/session';
import { readPem } from './pem.js';
import type { KwikSettings } from './settings.js';

const CONNECT_MS = 30_000;
/** Of a peer whose process was killed sockets hear within that and the few seconds that it takes to be suspected. */
const RECOVERY_MS = 10_000;

/** The options of the session for a socket. Reads files; throws what that throws. */
export function dialOptionsOf(
  settings: KwikSettings,
  localAddress: string | undefined,
): DialOptions & { readonly timeouts: { readonly dialMs: number } } {
  const { ca, pins, serverName, clientAuth, relays, scheduler, connectMs, recoveryMs, dial = {} } = settings;
  return {
    ...dial,
    ...(clientAuth !== undefined && { auth: clientAuth }),
    trust: {
      ...dial.trust,
      ...(ca !== undefined && { ca: readPem(ca) }),
      ...(pins !== undefined && { pins }),
      ...(serverName !== undefined && { serverName }),
    },
    paths: {
      ...dial.paths,
      ...(localAddress !== undefined && { localAddress }),
      ...(relays !== undefined && { relays: relays.map((address) => ({ address })) }),
    },
    writes: { routing: 'distributed', ...dial.writes, ...(scheduler !== undefined && { scheduler }) },
    timeouts: {
      ...dial.timeouts,
      dialMs: connectMs ?? dial.timeouts?.dialMs ?? CONNECT_MS,
      recoveryMs: recoveryMs ?? dial.timeouts?.recoveryMs ?? RECOVERY_MS,
    },
  };
}

/** The options of a listener without its address. Reads files; throws what that throws. */
export function listenOptionsOf(settings: KwikSettings): ListenOptions {
  const { serverAuth, serverRelays, scheduler, recoveryMs, listen = {} } = settings;
  const credentials = credentialsOf(settings);
  return {
    ...listen,
    ...(serverAuth !== undefined && { auth: serverAuth }),
    ...(credentials !== undefined && { credentials }),
    ...(serverRelays !== undefined && { relays: serverRelays.map((address) => ({ address })) }),
    writes: { ...listen.writes, ...(scheduler !== undefined && { scheduler }) },
    timeouts: { ...listen.timeouts, recoveryMs: recoveryMs ?? listen.timeouts?.recoveryMs ?? RECOVERY_MS },
  };
}

/** What a server shows; undefined where it has nothing but what development gives it. */
export function credentialsOf({ cert, key, listen }: KwikSettings): ListenOptions['credentials'] {
  if (cert === undefined && key === undefined) return listen?.credentials;
  if (cert === undefined || key === undefined) {
    throw new TypeError(`kwik: ${cert === undefined ? 'key' : 'cert'} was given alone; a server needs cert and key`);
  }
  return { cert: readPem(cert), key: readPem(key) };
}
