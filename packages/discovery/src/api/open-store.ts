import { checkArgument, checkOptions, optionRules } from '@kwik/wire';
import type * as EtcdServersModule from './etcd-servers.js';
import {
  etcdOptions,
  loadEtcd,
  SOURCE_CREDENTIALS,
  type EtcdSpec,
  type SourceCredentials,
} from '../sources/etcd-entry.js';
import { anEtcdSpec } from '../sources/source-spec.js';
import type { ServerStore } from './announced-servers.js';

const RULES = optionRules.group<EtcdStoreOptions>({ credentials: SOURCE_CREDENTIALS, onFailure: optionRules.call });

export interface EtcdStoreOptions {
  readonly credentials?: SourceCredentials;
  /** Told of each failure to hear of changes; it is tried again. */
  readonly onFailure?: (error: unknown) => void;
}

/** Servers that etcd keeps, for `registryApi`; whoever gets it closes it. Rejects when etcd does not answer. */
export async function openEtcdStore(
  spec: EtcdSpec,
  options: EtcdStoreOptions = {},
): Promise<ServerStore & { close(): Promise<void> }> {
  checkArgument('openEtcdStore', 'spec', spec, anEtcdSpec);
  checkOptions(options, { call: 'openEtcdStore', root: RULES });
  const { credentials = {}, onFailure } = options;
  const { EtcdServers } = await loadEtcd<typeof EtcdServersModule>();
  return EtcdServers.open({ etcd: etcdOptions(spec, credentials), onFailure });
}
