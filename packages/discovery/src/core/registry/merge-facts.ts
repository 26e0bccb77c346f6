import type { ServerRecord } from '@kwik/wire';
import { RECORD_BOUNDS } from '../records/server-record.js';

/** What one source said of one server. Times are on the caller's clock, milliseconds. */
export interface Fact {
  readonly source: string;
  readonly record: ServerRecord;
  readonly foundMs: number;
  /** Infinity: as long as the source names it. */
  readonly expiresMs: number;
}

/** What a server said of itself last. */
export interface Heartbeat {
  readonly load: number;
  readonly accepting: boolean;
  readonly atMs: number;
}

/**
 * One record of all that is known. `facts` are in the order of their sources, the most believed first: what a server is comes from
 * the first that says it, what it has (addresses, tags, attributes) from all together. Load is what was said last. It drains when
 * anybody says so.
 */
export function mergeFacts(facts: readonly Fact[], heartbeat: Heartbeat | undefined): ServerRecord {
  const [only] = facts;
  if (only !== undefined && facts.length === 1 && heartbeat === undefined) return only.record;
  const records = facts.map(({ record }) => record);
  const first = <T>(of: (record: ServerRecord) => T | undefined | '') =>
    records.map(of).find((value) => value !== undefined && value !== '') as T | undefined;
  const all = <T>(of: (record: ServerRecord) => Iterable<T>, max: number) =>
    [...new Set(records.flatMap((record) => [...of(record)]))].slice(0, max);
  return {
    serverId: first(({ serverId }) => serverId) ?? '',
    addresses: all(({ addresses }) => addresses, RECORD_BOUNDS.addresses),
    capabilities: all(({ capabilities }) => capabilities, Infinity),
    region: first(({ region }) => region) ?? '',
    zone: first(({ zone }) => zone) ?? '',
    tags: all(({ tags }) => tags, RECORD_BOUNDS.tags),
    weight: records[0]?.weight ?? 1,
    priority: records[0]?.priority ?? 0,
    load: heartbeat?.load ?? latestLoad(facts),
    accepting: (heartbeat?.accepting ?? true) && records.every(({ accepting }) => accepting),
    serverName: first(({ serverName }) => serverName),
    pin: first(({ pin }) => pin),
    attributes: mergedAttributes(records),
    signature: first(({ signature }) => signature),
  };
}

/**
 * A source that fails keeps what a server has signed long ago: that counts no more where another source has a newer word of it. For
 * facts whose signatures were verified: anybody could write a later time into others, and have the true word dropped.
 */
export function withoutOldWords(facts: readonly Fact[]): readonly Fact[] {
  if (facts.length < 2) return facts;
  const newestMs = Math.max(...facts.map(({ record }) => record.signature?.issuedMs ?? -Infinity));
  return facts.filter(({ record: { signature } }) => signature === undefined || signature.issuedMs >= newestMs);
}

function latestLoad(facts: readonly Fact[]): number | undefined {
  let latest: Fact | undefined;
  for (const fact of facts) {
    if (fact.record.load !== undefined && (latest === undefined || fact.foundMs > latest.foundMs)) latest = fact;
  }
  return latest?.record.load;
}

function mergedAttributes(records: readonly ServerRecord[]): ReadonlyMap<string, string> {
  const merged = new Map<string, string>();
  for (const { attributes } of records) {
    for (const [name, value] of attributes) {
      if (!merged.has(name) && merged.size < RECORD_BOUNDS.attributes) merged.set(name, value);
    }
  }
  return merged;
}
