/** What the application hands over to be called; the names are those that it knows. */
export type CallbackName = string;

/** Names that are told apart; the rest counts together. Types of events are the application's own. */
const MAX_NAMES = 64;
const OTHERS = 'others';
const MAX_DETAIL_CHARACTERS = 4000;

/**
 * Calls what the application handed over. What it throws, or rejects with, is its own mistake: it must not end a session or
 * the process, least of all from inside of a peer's packet. It is told as a warning of the process, once for each name, and
 * counted.
 */
export class UserCallbacks {
  readonly #warn: (text: string, detail: string) => void;
  readonly #errors = new Map<CallbackName, number>();

  constructor(warn: (text: string, detail: string) => void = warnProcess) {
    this.#warn = warn;
  }

  /** How often each callback has thrown. */
  get errors(): Readonly<Record<CallbackName, number>> {
    return Object.fromEntries(this.#errors);
  }

  /** Calls it, if there is one; never throws, and what it returns counts for nothing. */
  call<A extends readonly unknown[]>(
    name: CallbackName,
    callback: ((...args: A) => unknown) | undefined,
    ...args: A
  ): void {
    try {
      const result = callback?.(...args);
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.onError(name, error));
    } catch (error) {
      this.onError(name, error);
    }
  }

  /** What it returns; `otherwise` when it throws. */
  ask<T>(name: CallbackName, callback: () => T, otherwise: T): T {
    try {
      return callback();
    } catch (error) {
      this.onError(name, error);
      return otherwise;
    }
  }

  /** What it gives; its error is for whoever asked, and told besides: otherwise only a peer would hear of it. */
  async tell<T>(name: CallbackName, callback: () => T | Promise<T>): Promise<T> {
    try {
      return await callback();
    } catch (error) {
      this.onError(name, error);
      throw error;
    }
  }

  /** A callback that was called in another way has thrown. */
  onError(name: CallbackName, error: unknown): void {
    const kind = this.#errors.has(name) || this.#errors.size < MAX_NAMES ? name : OTHERS;
    const before = this.#errors.get(kind) ?? 0;
    this.#errors.set(kind, before + 1);
    if (before > 0) return;
    const text = `${kind} threw, and KWIK goes on without it; further errors of ${kind} are only counted: ${briefly(error)}`;
    this.#warn(text, fully(error));
  }
}

function warnProcess(text: string, detail: string): void {
  process.emitWarning(text, { type: 'KwikCallbackWarning', code: 'KWIK_CALLBACK_THREW', detail });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Whatever was thrown: also what cannot be made a string. */
function briefly(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'something that cannot be shown';
  }
}

function fully(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack).slice(0, MAX_DETAIL_CHARACTERS) : '';
  } catch {
    return '';
  }
}
