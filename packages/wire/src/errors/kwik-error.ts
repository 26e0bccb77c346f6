import { errorClassOf, type ErrorClass } from './error-classes.js';
import { ERROR_TABLE, type ErrorCode, type ErrorScope } from './error-table.js';

export interface KwikErrorOptions {
  readonly cause?: unknown;
  /** Overrides the scope that the table gives to the code. */
  readonly scope?: ErrorScope;
  /** The application's own code, where the peer gave one: resets, stops and closes. */
  readonly applicationCode?: number;
  readonly retryAfterMs?: number;
}

/** The one error class of KWIK. Programs branch on `code`; people read `message`. */
export class KwikError extends Error {
  override readonly name = 'KwikError';
  readonly code: ErrorCode;
  readonly scope: ErrorScope;
  /** Number of the code on the wire. */
  readonly wireNumber: number;
  /** What the peer's application gave with `reset`, `stopSending` or `close`; undefined for all other errors. */
  readonly applicationCode?: number;
  /** The server, or this process, is overloaded: it is of no use to ask again before so many milliseconds have passed. */
  readonly retryAfterMs?: number;

  constructor(code: ErrorCode, message?: string, options: KwikErrorOptions = {}) {
    const entry = ERROR_TABLE[code];
    super(message ?? entry.summary, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.scope = options.scope ?? entry.scope;
    this.wireNumber = entry.number;
    if (options.applicationCode !== undefined) this.applicationCode = options.applicationCode;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }

  /** What kind of thing went wrong; `ERROR_CLASSES` says what to do about it. */
  get errorClass(): ErrorClass {
    return errorClassOf(this.code);
  }

  /** `error` itself when it is a KwikError, else a KwikError of `code` around it. */
  static from(error: unknown, code: ErrorCode = 'ERR_KWIK_INTERNAL'): KwikError {
    if (error instanceof KwikError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new KwikError(code, message, { cause: error });
  }
}
