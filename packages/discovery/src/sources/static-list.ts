import { checkArgument, optionRules, type DiscoverySnapshot } from '@kwik/wire';
import type { DiscoverySource } from './discovery-source.js';
import { makeRecord, type RecordInput } from '../core/records/server-record.js';
import { aborted } from './waiting.js';

/** A server of a list: its address alone, or more. */
export type ListedServer = string | RecordInput;

const SERVERS = optionRules.listOf(optionRules.either(optionRules.text, optionRules.anObject));

/** Servers that the caller knows. Throws ERR_KWIK_INVALID_ARGUMENT, which names what is wrong with one. */
export function staticList(servers: readonly ListedServer[], name = 'list'): DiscoverySource {
  checkArgument('staticList', 'servers', servers, SERVERS);
  checkArgument('staticList', 'name', name, optionRules.text);
  const snapshot: DiscoverySnapshot = {
    servers: servers.map((server) => ({
      record: makeRecord(typeof server === 'string' ? { addresses: [server] } : server),
      ttlMs: undefined,
    })),
  };
  return {
    name,
    async *watch(signal) {
      yield snapshot;
      await aborted(signal);
    },
  };
}
