import type * as EtcdServersModule from './etcd-servers.js';
import { etcdOptions, loadEtcd, type EtcdSpec, type SourceCredentials } from '../sources/etcd-entry.js';
import type { ServerStore } from './announced-servers.js';

export interface EtcdStoreOptions {
  readonly credentials?: SourceCredentials;
  /** Told of each failure to hear of changes; it is tried again. */
  readonly onFailure?: (error: unknown) => void;
}

/** Servers that etcd keeps, for `registryApi`; whoever gets it closes it. Rejects when etcd does not answer. */
export async function openEtcdStore(
  spec: EtcdSpec,
  { credentials = {}, onFailure }: EtcdStoreOptions = {},
): Promise<ServerStore & { close(): Promise<void> }> {
  const { EtcdServers } = await loadEtcd<typeof EtcdServersModule>();
  return EtcdServers.open({ etcd: etcdOptions(spec, credentials), onFailure });
}
