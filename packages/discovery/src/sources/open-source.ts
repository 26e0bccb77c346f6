import {
  checkArgument,
  checkOptions,
  KwikError,
  optionRules,
  type Clock,
  type DiscoverySnapshot,
  type ServerRecord,
} from '@kwik/wire';
import { aRecord } from '../core/records/server-record.js';
import type { Announcement } from './announcement.js';
import type { DiscoverySource } from './discovery-source.js';
import { dnsSd } from './dns/dns-sd.js';
import { svcb } from './dns/svcb-source.js';
import { etcdOptions, loadEtcd, SOURCE_CREDENTIALS, type SourceCredentials } from './etcd-entry.js';
import type * as EtcdSource from './etcd/etcd-source.js';
import type { RecordSigner } from '../signing/record-signer.js';
import type { HttpCredentials } from './http/bounded-request.js';
import { announceByHttp, httpApi } from './http/http-api.js';
import { announceByMdns, mdns } from './mdns/mdns.js';
import { aSpec, type SourceSpec } from './source-spec.js';
import { staticList } from './static-list.js';
import { watchedFile } from './watched-file.js';

export interface OpenSourceOptions {
  readonly service: string;
  readonly credentials?: SourceCredentials;
  /** Server ids that mDNS leaves out: one's own. */
  readonly ignore?: readonly string[];
  readonly clock?: Clock;
}

const { call, clock: aClock, group, list, objectWith, text } = optionRules;
const COMMON = { service: text, credentials: SOURCE_CREDENTIALS, clock: aClock };
const OPEN_RULES = group<OpenSourceOptions>({ ...COMMON, ignore: list(text) }, ['service']);

/**
 * The source that `spec` describes. Throws ERR_KWIK_INVALID_ARGUMENT for options that are wrong, and for a token that would
 * cross a network in the clear.
 */
export function openSource(spec: SourceSpec, options: OpenSourceOptions): DiscoverySource {
  checkArgument('openSource', 'spec', spec, aSpec);
  checkOptions(options, { call: 'openSource', root: OPEN_RULES });
  const { service, credentials = {}, ignore = [], clock } = options;
  const common = { name: spec.text, ...(clock !== undefined && { clock }) };
  switch (spec.kind) {
    case 'http':
      return httpApi({ ...common, ...forHttp(credentials), url: spec.url, service });
    case 'etcd': {
      const etcd = etcdOptions(spec, credentials);
      return { name: spec.text, watch: (signal) => watchEtcd({ etcd, service, name: spec.text }, signal) };
    }
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

const ANNOUNCE_RULES = group<AnnounceOptions>({ ...COMMON, onFailure: call, signer: objectWith('sign', 'prove') }, [
  'service',
]);

/**
 * Announces a server where `spec` says. Rejects with ERR_KWIK_INVALID_ARGUMENT for what only its administrator can change: a zone of
 * DNS, a file, a list.
 */
export async function announceBy(
  spec: SourceSpec,
  record: ServerRecord,
  options: AnnounceOptions,
): Promise<Announcement> {
  checkArgument('announceBy', 'spec', spec, aSpec);
  checkArgument('announceBy', 'record', record, aRecord);
  checkOptions(options, { call: 'announceBy', root: ANNOUNCE_RULES });
  const { service, credentials = {}, onFailure, signer, clock } = options;
  const common = {
    service,
    ...(signer !== undefined && { signer }),
    ...(onFailure !== undefined && { onFailure }),
    ...(clock !== undefined && { clock }),
  };
  switch (spec.kind) {
    case 'http':
      return announceByHttp(record, { ...common, ...forHttp(credentials), url: spec.url });
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

async function* watchEtcd(options: EtcdSource.EtcdOptions, signal: AbortSignal): AsyncIterable<DiscoverySnapshot> {
  const { etcd } = await loadEtcd<typeof EtcdSource>();
  yield* etcd(options).watch(signal);
}

/** User and password are for etcd alone. */
function forHttp({ user: _user, password: _password, ...credentials }: SourceCredentials): HttpCredentials {
  return credentials;
}

function whereOf(spec: Extract<SourceSpec, { kind: 'mdns' }>): { interface?: string; port?: number } {
  return {
    ...(spec.interface !== undefined && { interface: spec.interface }),
    ...(spec.port !== undefined && { port: spec.port }),
  };
}
