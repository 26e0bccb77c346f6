import { rootCertificates } from 'node:tls';
import { KwikError, optionRules } from '@kwik/wire';
import type { IOptions } from 'etcd3';
import { splitAddress } from '../core/records/address.js';
import { CREDENTIAL_RULES, isOnThisMachine, type HttpCredentials } from './http/bounded-request.js';
import type { SourceSpec } from './source-spec.js';

/** By name at run time, so that no bundle holds etcd3 for whoever asks no etcd. */
const ENTRY = '@kwik/discovery/etcd';

/** Who asks. The token goes to HTTP APIs, user and password to etcd, authorities and certificate to both. */
export interface SourceCredentials extends HttpCredentials {
  readonly user?: string;
  readonly password?: string;
}

export const SOURCE_CREDENTIALS = optionRules.group<SourceCredentials>({
  ...CREDENTIAL_RULES,
  user: optionRules.text,
  password: optionRules.secret,
});

export type EtcdSpec = Extract<SourceSpec, { kind: 'etcd' }>;

/** The entry that speaks with etcd. Rejects with ERR_KWIK_UNSUPPORTED where it is not installed. */
export async function loadEtcd<Entry>(): Promise<Entry> {
  try {
    return (await import(ENTRY)) as Entry;
  } catch (cause) {
    const text = `etcd takes ${ENTRY}, which cannot be loaded: install @kwik/discovery beside the bundle`;
    throw new KwikError('ERR_KWIK_UNSUPPORTED', text, { cause });
  }
}

/** As etcd3 takes it. Throws ERR_KWIK_INVALID_ARGUMENT for a password that would cross a network in the clear. */
export function etcdOptions(
  { hosts, secure }: EtcdSpec,
  { ca, cert, key, user, password }: SourceCredentials,
): IOptions {
  const named = user !== undefined && password !== undefined;
  if (named && !secure && !hosts.every((host) => isOnThisMachine(splitAddress(host)?.host ?? ''))) {
    const text = 'a password is not sent to etcd in the clear: write etcds: for TLS';
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  const shown = cert !== undefined && key !== undefined;
  return {
    hosts: hosts.map((host) => `${secure ? 'https' : 'http'}://${host}`),
    ...(secure && {
      credentials: {
        rootCertificate: Buffer.from(ca ?? rootCertificates.join('\n')),
        ...(shown && { certChain: Buffer.from(cert), privateKey: Buffer.from(key) }),
      },
    }),
    ...(named && { auth: { username: user, password } }),
  };
}
