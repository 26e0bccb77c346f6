import { ERROR_TABLE, type ErrorCode, type ErrorScope } from './error-table.js';

export interface KwikErrorOptions {
  readonly cause?: unknown;
  /** Overrides the scope that the table gives to the code. */
  readonly scope?: ErrorScope;
  /** The application's own code, where the peer gave one: resets, stops and closes. */
  readonly applicationCode?: number;
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

  constructor(code: ErrorCode, message?: string, options: KwikErrorOptions = {}) {
    const entry = ERROR_TABLE[code];
    super(message ?? entry.summary, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.scope = options.scope ?? entry.scope;
    this.wireNumber = entry.number;
    if (options.applicationCode !== undefined) this.applicationCode = options.applicationCode;
  }

  /** `error` itself when it is a KwikError, else a KwikError of `code` around it. */
  static from(error: unknown, code: ErrorCode = 'ERR_KWIK_INTERNAL'): KwikError {
    if (error instanceof KwikError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new KwikError(code, message, { cause: error });
  }
}
