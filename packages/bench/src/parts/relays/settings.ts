/** What a program does over its socket. */
export interface Load {
  readonly kind: 'messages' | 'answers' | 'bulk';
  readonly words: string;
  readonly rttsMs: readonly number[];
}

export const MESSAGE_BYTES = 1000;
/** Between one message and the next. */
export const EVERY_MS = 10;
export const QUESTION_BYTES = 100;

const LOADS: readonly Load[] = [
  { kind: 'messages', words: 'a message every 10 ms', rttsMs: [20, 50, 100] },
  { kind: 'answers', words: 'question and answer', rttsMs: [20, 50, 100] },
  { kind: 'bulk', words: 'all that goes', rttsMs: [20, 50] },
];

/** One program over one socket by way of two relays. */
export interface Setting {
  readonly load: Load;
  readonly rttMs: number;
  /** Part of `--quick`. */
  readonly quick: boolean;
}

export const SETTINGS: readonly Setting[] = LOADS.flatMap((load) =>
  load.rttsMs.map((rttMs) => ({ load, rttMs, quick: rttMs === 20 })),
);

/** Of each link between the client and a relay. */
export const RATE_MBIT = 10;

export interface Schedule {
  readonly cuts: number;
  readonly drains: number;
  /** Nothing happens for so long before each of them, and what the program waits for then is what it waits for anyway. */
  readonly quietMs: number;
  /** A relay is silent for so long: its paths are dead by then. */
  readonly downMs: number;
  /** Up to so much more, so that cuts come at any moment. */
  readonly randomMs: number;
}

const FULL: Schedule = { cuts: 20, drains: 10, quietMs: 1500, downMs: 1500, randomMs: 200 };

export function scheduleOf(quick: boolean): Schedule {
  return quick ? { ...FULL, cuts: 3, drains: 2 } : FULL;
}

/** What a program may wait when a relay falls silent. */
export function limitMs(rttMs: number): number {
  return 3 * rttMs + 50;
}
