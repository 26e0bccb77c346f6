import { KwikError } from '@kwik/wire';
import type { PathState } from './path-state.js';

export interface PathHistoryEntry {
  readonly state: PathState;
  /** When the state was entered, milliseconds on the caller's clock. */
  readonly atMs: number;
  readonly reason: string;
}

/** Entries kept; a flapping path writes two a second at most, so this is the last quarter of a minute at worst. */
export const MAX_PATH_HISTORY = 32;

/** Which states may follow which. Everything that lives may die. */
const NEXT: Readonly<Record<PathState, readonly PathState[]>> = {
  connecting: ['validating', 'dead'],
  validating: ['active', 'dead'],
  active: ['degraded', 'suspected', 'draining', 'suspended', 'dead'],
  degraded: ['active', 'suspected', 'draining', 'suspended', 'dead'],
  suspected: ['active', 'draining', 'suspended', 'dead'],
  draining: ['dead'],
  suspended: ['active', 'draining', 'dead'],
  dead: ['recovering'],
  recovering: ['validating', 'active', 'dead'],
};

/**
 * The state of one path. Transitions are methods with names; one that does not fit the state throws
 * ERR_KWIK_INVALID_STATE, because only a mistake in KWIK itself can ask for it. `now` is in milliseconds.
 */
export class PathMachine {
  #state: PathState = 'connecting';
  readonly #history: PathHistoryEntry[] = [];

  constructor(now: number) {
    this.#history.push({ state: 'connecting', atMs: now, reason: 'path added' });
  }

  get state(): PathState {
    return this.#state;
  }

  /** Oldest first; at most `MAX_PATH_HISTORY` entries, of which the last is the present state. */
  get history(): readonly PathHistoryEntry[] {
    return this.#history;
  }

  /** When the present state was entered. */
  get sinceMs(): number {
    return this.#history[this.#history.length - 1]?.atMs ?? 0;
  }

  /** Why the present state was entered. */
  get reason(): string {
    return this.#history[this.#history.length - 1]?.reason ?? '';
  }

  canBecome(state: PathState): boolean {
    return NEXT[this.#state].includes(state);
  }

  /** The connection stands; hello and proof are on their way. */
  validating(now: number): void {
    this.#enter('validating', now, 'connected');
  }

  /** The peer is who it should be, and the path may carry data. */
  activate(now: number): void {
    this.#enter('active', now, 'validated', ['validating', 'recovering']);
  }

  degrade(now: number, reason: string): void {
    this.#enter('degraded', now, reason);
  }

  suspect(now: number, reason: string): void {
    this.#enter('suspected', now, reason);
  }

  /** A degraded or suspected path is well again. */
  clear(now: number): void {
    this.#enter('active', now, `${this.#state} no more`, ['degraded', 'suspected']);
  }

  drain(now: number, reason: string): void {
    this.#enter('draining', now, reason);
  }

  die(now: number, reason: string): void {
    this.#enter('dead', now, reason);
  }

  /** A dead path is being connected again. */
  recover(now: number): void {
    this.#enter('recovering', now, 'connecting again');
  }

  suspend(now: number, reason = 'set aside'): void {
    this.#enter('suspended', now, reason);
  }

  resume(now: number): void {
    this.#enter('active', now, 'resumed', ['suspended']);
  }

  #enter(to: PathState, now: number, reason: string, from?: readonly PathState[]): void {
    if (!this.canBecome(to) || (from !== undefined && !from.includes(this.#state))) {
      throw new KwikError('ERR_KWIK_INVALID_STATE', `a path that is ${this.#state} cannot become ${to} (${reason})`);
    }
    this.#state = to;
    if (this.#history.length === MAX_PATH_HISTORY) this.#history.shift();
    this.#history.push({ state: to, atMs: now, reason });
  }
}
