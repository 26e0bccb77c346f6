import type { AuditEvent } from '@kwik/wire';
import { z } from 'zod';
import { HASH_BYTES } from '../merkle/hashes.js';

/**
 * The lines of an audit log, each a JSON object: first a header, then entries, and between them checkpoints. An entry is the
 * leaf of a Merkle tree, byte for byte as it stands in its line, and names the hash of the one before.
 */

export const LOG_FORMAT = 'kwik-audit/1';
/** Of one line; entries are far shorter, and a checkpoint bears a few signatures of witnesses. */
export const MAX_LINE_BYTES = 64 * 1024;
/** Of a text that may come from a peer. */
const MAX_TEXT_CHARACTERS = 256;
const MAX_KIND_CHARACTERS = 64;
const MAX_FACTS = 16;
const MAX_EDGE = 53;

const hash = z.base64().length(44);
const index = z.number().int().min(0);

const HEADER = z.strictObject({
  log: z.literal(LOG_FORMAT),
  origin: z.string().min(1).max(256),
  /** `name+id+key` of the signer. */
  key: z.string().min(1).max(512),
  /** Entries in the files before. */
  size: index,
  /** Hash of the last entry before. */
  prev: hash,
  /** Right edge of the tree of the entries before. */
  edge: z.array(hash).max(MAX_EDGE),
  /** The last checkpoint of the file before. */
  checkpoint: z.string().nullable(),
});
export type LogHeader = z.infer<typeof HEADER>;

const ENTRY = z.looseObject({
  n: index,
  at: z.iso.datetime(),
  kind: z.string().min(1).max(MAX_KIND_CHARACTERS),
  prev: hash,
});
export type LogEntry = z.infer<typeof ENTRY>;

const CHECKPOINT = z.strictObject({ checkpoint: z.string() });

export type LogLine =
  | { readonly type: 'header'; readonly header: LogHeader }
  | { readonly type: 'entry'; readonly entry: LogEntry }
  | { readonly type: 'checkpoint'; readonly note: string }
  | { readonly type: 'unreadable' };

/** What a line says; hashes are not looked at. */
export function parseLine(line: string): LogLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { type: 'unreadable' };
  }
  const header = HEADER.safeParse(value);
  if (header.success) return { type: 'header', header: header.data };
  const checkpoint = CHECKPOINT.safeParse(value);
  if (checkpoint.success) return { type: 'checkpoint', note: checkpoint.data.checkpoint };
  const entry = ENTRY.safeParse(value);
  return entry.success ? { type: 'entry', entry: entry.data } : { type: 'unreadable' };
}

export function headerLine(header: LogHeader): string {
  return JSON.stringify(header);
}

export function checkpointLine(note: string): string {
  return JSON.stringify({ checkpoint: note });
}

/** What the log itself writes down besides what it is told. */
export interface LogEvent extends Omit<AuditEvent, 'kind'> {
  readonly kind: AuditEvent['kind'] | 'log-opened' | 'log-closed' | 'entries-lost';
}

/** With no more than a log takes of it, whatever a peer put into its texts. */
export function boundedEvent<T extends LogEvent>(event: T): T {
  const { sessionId, identity, peer, detail, facts } = event;
  return {
    ...event,
    ...(sessionId !== undefined && { sessionId: plainText(sessionId) }),
    ...(identity !== undefined && { identity: plainText(identity) }),
    ...(peer !== undefined && { peer: plainText(peer) }),
    ...(detail !== undefined && { detail: plainText(detail) }),
    ...(facts !== undefined && { facts: plainFacts(facts) }),
  };
}

/** Members stand in one order, so that equal events give equal lines. */
export function entryLine(n: number, atMs: number, event: LogEvent, prev: Uint8Array): string {
  const { kind, role, sessionId, pathId, identity, peer, code, detail, facts } = event;
  return JSON.stringify({
    n,
    at: new Date(atMs).toISOString(),
    kind,
    role,
    session: maybe(sessionId),
    path: pathId,
    identity: maybe(identity),
    peer: maybe(peer),
    code,
    detail: maybe(detail),
    facts: plainFacts(facts),
    prev: Buffer.from(prev).toString('base64'),
  });
}

/** Whether its line can be made, and read again: one that cannot would be in the way of all after it, or spoil the log. */
export function isWritable(event: unknown): event is LogEvent {
  try {
    const line = entryLine(Number.MAX_SAFE_INTEGER, 0, event as LogEvent, new Uint8Array(HASH_BYTES));
    return isKind((event as LogEvent).kind) && Buffer.byteLength(line) <= MAX_LINE_BYTES;
  } catch {
    return false;
  }
}

/** As ENTRY has it. */
function isKind(kind: unknown): boolean {
  return typeof kind === 'string' && kind.length > 0 && kind.length <= MAX_KIND_CHARACTERS;
}

function maybe(text: string | undefined): string | undefined {
  return text === undefined ? undefined : plainText(text);
}

/**
 * Bounded, and without what could move a terminal's cursor or turn the direction of text. Of something that is no text, its
 * text: an entry that cannot be written would be in the way of all after it.
 */
function plainText(text: unknown): string {
  return String(text)
    .slice(0, MAX_TEXT_CHARACTERS)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?');
}

function plainFacts(facts: AuditEvent['facts']): Record<string, string | number> | undefined {
  if (facts === undefined) return undefined;
  const entries = Object.entries(facts).slice(0, MAX_FACTS);
  return Object.fromEntries(
    entries.map(([name, value]) => [plainText(name), typeof value === 'number' ? value : plainText(value)] as const),
  );
}
