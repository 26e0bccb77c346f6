import type { AuditEvent } from '@kwik/wire';

/** What processes send to the one that writes their audit log. */
export type ToWriter =
  | { readonly audit: 'event'; readonly event: AuditEvent }
  /** Events that could not be sent. */
  | { readonly audit: 'lost'; readonly count: number };

/** And what that one says to each of them. */
export type FromWriter =
  /** So many more of its messages are written. */
  | { readonly audit: 'written'; readonly count: number }
  /** Why nothing can be written now; null: it can be again. */
  | { readonly audit: 'fault'; readonly message: string | null };

const TO_WRITER: ReadonlySet<unknown> = new Set(['event', 'lost'] satisfies ToWriter['audit'][]);
const FROM_WRITER: ReadonlySet<unknown> = new Set(['written', 'fault'] satisfies FromWriter['audit'][]);

/** Other messages may go between the same processes. */
export function isToWriter(message: unknown): message is ToWriter {
  return TO_WRITER.has(kindOf(message));
}

export function isFromWriter(message: unknown): message is FromWriter {
  return FROM_WRITER.has(kindOf(message));
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null ? (message as { audit?: unknown }).audit : undefined;
}
