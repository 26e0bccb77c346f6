/** A worker that others can hand datagrams to. */
export interface SeatedWorker {
  readonly worker: number;
  /** Of its socket for what others hand over. */
  readonly handoverPort: number;
  /** It takes clients that are new. */
  readonly taking: boolean;
}

/** What the fleet tells its workers. */
export type ToWorker =
  | {
      readonly kwik: 'seat';
      readonly worker: number;
      /** Base64, of 32 bytes that all workers share. */
      readonly key: string;
      readonly port: number;
      readonly wantedPort: number;
      readonly payload: unknown;
    }
  | { readonly kwik: 'table'; readonly workers: readonly SeatedWorker[]; readonly retired: readonly number[] }
  | { readonly kwik: 'drain'; readonly timeoutMs: number }
  | { readonly kwik: 'stats'; readonly id: number }
  | Message;

/** Of the application's own, either way. */
export interface Message {
  readonly kwik: 'message';
  readonly message: unknown;
}

/** And what they answer. */
export type FromWorker =
  | { readonly kwik: 'ready'; readonly address: string; readonly port: number; readonly handoverPort: number }
  | { readonly kwik: 'stats'; readonly id: number; readonly stats: unknown }
  | Message;

/** What may wait for a process that does not read; a further message of the application's is not sent. */
const MAX_UNREAD = 16_384;

/** Counts the messages that wait in a channel between processes. */
export class Unread {
  #count = 0;

  /** False: it is not sent. */
  send(channel: { send?(message: unknown, ...more: unknown[]): unknown }, message: Message): boolean {
    if (this.#count >= MAX_UNREAD) return false;
    this.#count++;
    // The other process may end at this very moment.
    channel.send?.(message, undefined, undefined, () => this.#count--);
    return true;
  }
}

const TO_WORKER: ReadonlySet<unknown> = new Set([
  'seat',
  'table',
  'drain',
  'stats',
  'message',
] satisfies ToWorker['kwik'][]);
const FROM_WORKER: ReadonlySet<unknown> = new Set(['ready', 'stats', 'message'] satisfies FromWorker['kwik'][]);

/** Other messages may go between the same processes. */
export function isToWorker(message: unknown): message is ToWorker {
  return TO_WORKER.has(kindOf(message));
}

export function isFromWorker(message: unknown): message is FromWorker {
  return FROM_WORKER.has(kindOf(message));
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null ? (message as { kwik?: unknown }).kwik : undefined;
}
