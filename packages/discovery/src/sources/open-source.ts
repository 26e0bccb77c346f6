import { KwikError, type Clock, type DiscoverySnapshot, type ServerRecord } from '@kwik/wire';
import type { Announcement } from './announcement.js';
import type { DiscoverySource } from './discovery-source.js';
import { dnsSd } from './dns/dns-sd.js';
import { svcb } from './dns/svcb-source.js';
import { etcdOptions, loadEtcd, type EtcdSpec, type SourceCredentials } from './etcd-entry.js';
import type * as EtcdSource from './etcd/etcd-source.js';
import type { RecordSigner } from '../signing/record-signer.js';
import { announceByHttp, httpApi } from './http/http-api.js';
import { announceByMdns, mdns } from './mdns/mdns.js';
import type { SourceSpec } from './source-spec.js';
import { staticList } from './static-list.js';
import { watchedFile } from './watched-file.js';

export interface OpenSourceOptions {
  readonly service: string;
  readonly credentials?: SourceCredentials;
  /** Server ids that mDNS leaves out: one's own. */
  readonly ignore?: readonly string[];
  readonly clock?: Clock;
}

/** The source that `spec` describes. Throws ERR_KWIK_INVALID_ARGUMENT, for a token that would cross a network in the clear. */
export function openSource(spec: SourceSpec, options: OpenSourceOptions): DiscoverySource {
  const { service, credentials = {}, ignore = [], clock } = options;
  const common = { name: spec.text, ...(clock !== undefined && { clock }) };
  switch (spec.kind) {
    case 'http':
      return httpApi({ ...common, ...credentials, url: spec.url, service });
    case 'etcd':
      return { name: spec.text, watch: (signal) => watchEtcd(spec, options, signal) };
    case 'dns-sd':
    case 'svcb': {
      const { domain = service, resolvers } = spec;
      const ofDns = { ...common, domain, ...(resolvers !== undefined && { servers: resolvers }) };
      return spec.kind === 'svcb' ? svcb(ofDns) : dnsSd(ofDns);
    }
    case 'mdns':
      return mdns({ ...common, ...whereOf(spec), service, ignore });
    case 'file':
      return watchedFile({ ...common, path: spec.path });
    case 'static':
      return staticList(spec.servers, spec.text);
  }
}

export interface AnnounceOptions extends Omit<OpenSourceOptions, 'ignore'> {
  /** Told of each failure; it is tried again. */
  readonly onFailure?: (error: unknown) => void;
  /** Signs what is announced. */
  readonly signer?: RecordSigner;
}

/**
 * Announces a server where `spec` says. Rejects with ERR_KWIK_INVALID_ARGUMENT for what only its administrator can change: a zone of
 * DNS, a file, a list.
 */
export async function announceBy(
  spec: SourceSpec,
  record: ServerRecord,
  options: AnnounceOptions,
): Promise<Announcement> {
  const { service, credentials = {}, onFailure, signer, clock } = options;
  const common = {
    service,
    ...(signer !== undefined && { signer }),
    ...(onFailure !== undefined && { onFailure }),
    ...(clock !== undefined && { clock }),
  };
  switch (spec.kind) {
    case 'http':
      return announceByHttp(record, { ...common, ...credentials, url: spec.url });
    case 'etcd': {
      const { announceByEtcd } = await loadEtcd<typeof EtcdSource>();
      return announceByEtcd(record, { ...common, etcd: etcdOptions(spec, credentials) });
    }
    case 'mdns':
      return announceByMdns(record, { ...common, ...whereOf(spec) });
    default:
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        `nothing can be announced by '${spec.text}': write it there, or use http, etcd or mdns`,
      );
  }
}

async function* watchEtcd(
  spec: EtcdSpec,
  { service, credentials = {} }: OpenSourceOptions,
  signal: AbortSignal,
): AsyncIterable<DiscoverySnapshot> {
  const { etcd } = await loadEtcd<typeof EtcdSource>();
  yield* etcd({ etcd: etcdOptions(spec, credentials), service, name: spec.text }).watch(signal);
}

function whereOf(spec: Extract<SourceSpec, { kind: 'mdns' }>): { interface?: string; port?: number } {
  return {
    ...(spec.interface !== undefined && { interface: spec.interface }),
    ...(spec.port !== undefined && { port: spec.port }),
  };
}
