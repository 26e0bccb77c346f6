import type { OwnDiscovery } from '@kwik/discovery';
import {
  credentialsOfEnvironment,
  parseSource,
  sourcesOfEnvironment,
  type SourceCredentials,
} from '@kwik/discovery/source-spec';
import { usageError } from '../errors.js';
import type { CliIo } from '../io.js';
import { readPem } from '../serve/credentials.js';
import { readServerKeys } from './record-keys.js';

/** How registries and etcd are spoken with. */
export interface RegistryFlags {
  readonly registryCa?: string;
  readonly registryCert?: string;
  readonly registryKey?: string;
}

export interface DiscoverFlags extends RegistryFlags {
  /** As `parseSource` reads them. */
  readonly discover: readonly string[];
  /** A file with keys: only servers whose record one of them has signed. */
  readonly serverKeys?: string;
}

/** What the command line, or else the environment, names as sources. */
export function sourcesOf({ discover }: Pick<DiscoverFlags, 'discover'>, env: CliIo['env']): readonly string[] {
  if (discover.length > 0) return discover;
  return sourcesOfEnvironment(env);
}

export interface DiscoverOptions {
  /** Ids of servers that are not wanted: one's own. */
  readonly ignore?: readonly string[];
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
}

/**
 * Discovery by the sources that were named; whoever gets it closes it. Undefined without any. Rejects with a usage error for a
 * source that cannot be, and as `readPem` does.
 */
export async function openDiscovery(
  flags: DiscoverFlags,
  io: Pick<CliIo, 'env'>,
  { ignore = [], region = '', zone = '' }: DiscoverOptions = {},
): Promise<OwnDiscovery | undefined> {
  const specs = [...new Set(sourcesOf(flags, io.env))].map((text) => parseSource(text));
  if (specs.length === 0) return undefined;
  const credentials = await readRegistryCredentials(flags, io);
  const { createDiscovery, openSource } = await import('@kwik/discovery');
  const sources = (service: string) => specs.map((spec) => openSource(spec, { service, credentials, ignore }));
  // What is wrong with one shows now, not when somebody asks.
  sources('check');
  const verifier = flags.serverKeys === undefined ? undefined : await readServerKeys(flags.serverKeys);
  return createDiscovery({ sources, policy: { region, zone }, ...(verifier !== undefined && { verifier }) });
}

/** Rejects with a usage error for files that do not go together, and as `readPem` does. */
export async function readRegistryCredentials(
  { registryCa, registryCert, registryKey }: RegistryFlags,
  { env }: Pick<CliIo, 'env'>,
): Promise<SourceCredentials> {
  if ((registryCert === undefined) !== (registryKey === undefined)) {
    throw usageError('--registry-cert and --registry-key go together; give both or neither');
  }
  return {
    ...credentialsOfEnvironment(env),
    ...(registryCa !== undefined && { ca: await readPem('--registry-ca', registryCa) }),
    ...(registryCert !== undefined && { cert: await readPem('--registry-cert', registryCert) }),
    ...(registryKey !== undefined && { key: await readPem('--registry-key', registryKey) }),
  };
}
