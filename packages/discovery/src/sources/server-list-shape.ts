import { KwikError, type DiscoverySnapshot, type FoundServer, type ServerRecord } from '@kwik/wire';
import { z } from 'zod';
import { makeRecord, RECORD_BOUNDS } from '../core/records/server-record.js';

const MAX_SERVERS = 16_384;
const MAX_TTL_MS = 86_400_000;
const text = z.string().max(RECORD_BOUNDS.attributeLength);

const signatureShape = z.object({ keyId: text, issuedMs: z.number(), expiresMs: z.number(), value: text });

/** A server in JSON: of a file, of the HTTP API, of etcd. Members that are not known are left out. */
const serverShape = z.object({
  serverId: text.optional(),
  addresses: z.array(z.string()).min(1).max(RECORD_BOUNDS.addresses),
  capabilities: z.array(text).max(32).optional(),
  region: text.optional(),
  zone: text.optional(),
  tags: z.array(text).max(RECORD_BOUNDS.tags).optional(),
  weight: z.number().optional(),
  priority: z.number().optional(),
  load: z.number().optional(),
  accepting: z.boolean().optional(),
  serverName: text.optional(),
  pin: text.optional(),
  attributes: z.record(z.string(), text).optional(),
  signature: signatureShape.optional(),
  ttlMs: z.number().int().min(1).max(MAX_TTL_MS).optional(),
});

const listShape = z.union([
  z.array(z.unknown()).max(MAX_SERVERS),
  z.object({ servers: z.array(z.unknown()).max(MAX_SERVERS) }).transform(({ servers }) => servers),
]);

/**
 * The servers of a JSON text. One that is wrong is left out, and said. Throws ERR_KWIK_INVALID_MESSAGE when the whole is no list;
 * `from` names it.
 */
export function readServers(json: string, from: string): DiscoverySnapshot {
  const list = listShape.safeParse(parsed(json, from));
  if (!list.success) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${from} is no list of servers`);
  const problems: string[] = [];
  const servers = list.data.flatMap((item, index) => {
    try {
      return [readServer(item)];
    } catch (error) {
      problems.push(`server ${index + 1}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  });
  return { servers, problems };
}

/** Throws ERR_KWIK_INVALID_MESSAGE or ERR_KWIK_INVALID_ARGUMENT, which say what is wrong. */
export function readServer(item: unknown): FoundServer {
  const server = serverShape.safeParse(item);
  if (!server.success) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', z.prettifyError(server.error));
  const { ttlMs, ...said } = server.data;
  return { record: makeRecord(withoutUndefined(said)), ttlMs };
}

/** As `readServers` reads it. */
export function writeServer(record: ServerRecord, ttlMs?: number): string {
  const { attributes, ...rest } = record;
  return JSON.stringify({ ...rest, attributes: Object.fromEntries(attributes), ttlMs });
}

function parsed(json: string, from: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${from} is no JSON`, { cause });
  }
}

/** What zod leaves as undefined counts as absent. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
