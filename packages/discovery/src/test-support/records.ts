import type { DiscoverySnapshot, FoundServer, ServerRecord } from '@kwik/wire';
import { makeRecord, type RecordInput } from '../core/records/server-record.js';
import type { Candidate } from '../core/selection/candidate.js';

/** A record of which only what matters is said. */
export function record(serverId: string, more: Partial<RecordInput> = {}): ServerRecord {
  return makeRecord({ serverId, addresses: [`${serverId === '' ? 'nameless' : serverId}.test:4433`], ...more });
}

export function found(one: ServerRecord, ttlMs?: number): FoundServer {
  return { record: one, ttlMs };
}

export function snapshot(...records: readonly ServerRecord[]): DiscoverySnapshot {
  return { servers: records.map((one) => found(one)) };
}

export function candidate(serverId: string, more: Partial<RecordInput> = {}, how: Partial<Candidate> = {}): Candidate {
  return {
    key: serverId,
    record: record(serverId, more),
    knownSinceMs: -1e9,
    rttMs: undefined,
    ejected: undefined,
    trust: 1,
    refused: undefined,
    ...how,
  };
}
