import { checkOptions, KwikError, optionRules, type AuditEvent, type AuditSink } from '@kwik/wire';
import { isFromWriter, type ToWriter } from './audit-messages.js';
import { boundedEvent, isWritable } from './log-lines.js';

export interface AuditSenderOptions {
  /** Sends a message, JSON, to the process that has the `SharedAuditLog`; false when it cannot. Messages keep their order. */
  readonly send: (message: unknown) => boolean;
  /** Whether that process is there. */
  readonly isConnected: () => boolean;
  /** As that of the log. */
  readonly onFailure?: 'stop' | 'continue';
}

const { call, group, oneOf } = optionRules;
const RULES = group<AuditSenderOptions>({ send: call, isConnected: call, onFailure: oneOf('stop', 'continue') }, [
  'send',
  'isConnected',
]);

/** Events that are sent and not written yet; of more, the number is written later. */
const MAX_UNWRITTEN = 10_000;

/**
 * The audit log in a process that does not write it itself: one log of several processes has one writer, so that its chain is
 * one, and a process that is killed breaks none of it. What was sent is with the writer, also when this process dies.
 */
export class AuditSender implements AuditSink {
  readonly #options: AuditSenderOptions;
  #unwritten = 0;
  #lost = 0;
  #failure: string | null = null;
  #closed = false;
  #wake = (): void => undefined;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: AuditSenderOptions) {
    checkOptions(options, { call: 'AuditSender', root: RULES });
    this.#options = options;
  }

  get fault(): KwikError | undefined {
    if (this.#options.onFailure === 'continue') return undefined;
    if (this.#failure !== null) return new KwikError('ERR_KWIK_LOCAL_FILE', this.#failure);
    if (this.#options.isConnected()) return undefined;
    return new KwikError('ERR_KWIK_LOCAL_FILE', 'the process that writes the audit log is gone');
  }

  /** Never throws: what is no event is counted among those lost. */
  record(event: AuditEvent): void {
    if (this.#closed) return;
    this.#tellLost();
    if (this.#lost > 0 || !isWritable(event) || !this.#send({ audit: 'event', event: boundedEvent(event) }))
      this.#lost += 1;
  }

  /** Takes what the other process says. False: the message is about something else. */
  take(message: unknown): boolean {
    if (!isFromWriter(message)) return false;
    if (message.audit === 'fault') this.#failure = message.message;
    else this.#unwritten = Math.max(0, this.#unwritten - message.count);
    this.#tellLost();
    this.#wake();
    return true;
  }

  /** That the other process is gone. */
  disconnected(): void {
    this.#wake();
  }

  /**
   * Takes no more, and waits until all that was recorded is written, for `timeoutMs` at the most (default: 2,000). Rejects with
   * ERR_KWIK_LOCAL_FILE when it is not.
   */
  async close({ timeoutMs = 2000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closed = true;
    this.#tellLost();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, timeoutMs);
    const isOver = (): boolean => this.#unwritten + this.#lost === 0 || late || !this.#options.isConnected();
    while (!isOver()) await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(timer);
    const left = this.#unwritten + this.#lost;
    if (left === 0) return;
    throw new KwikError(
      'ERR_KWIK_LOCAL_FILE',
      `${left} audit events were not known to be written when this process ended`,
    );
  }

  #tellLost(): void {
    if (this.#lost > 0 && this.#send({ audit: 'lost', count: this.#lost })) this.#lost = 0;
  }

  #send(message: ToWriter): boolean {
    if (this.#unwritten >= MAX_UNWRITTEN || !this.#options.send(message)) return false;
    this.#unwritten += 1;
    return true;
  }
}
