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
  | { readonly kwik: 'stats'; readonly id: number };

/** And what they answer. */
export type FromWorker =
  | { readonly kwik: 'ready'; readonly address: string; readonly port: number; readonly handoverPort: number }
  | { readonly kwik: 'stats'; readonly id: number; readonly stats: unknown };

const TO_WORKER: ReadonlySet<unknown> = new Set(['seat', 'table', 'drain', 'stats'] satisfies ToWorker['kwik'][]);
const FROM_WORKER: ReadonlySet<unknown> = new Set(['ready', 'stats'] satisfies FromWorker['kwik'][]);

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
