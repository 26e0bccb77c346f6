import { checkOptions, optionRules, type TimerHandle } from '@kwik/wire';
import type { AuditLog } from './audit-log.js';
import { isToWriter, type FromWriter } from './audit-messages.js';
import { OpenSessions } from './open-sessions.js';

export interface SharedAuditLogOptions {
  /** Stays open until the one who opened it closes it. */
  readonly log: AuditLog;
  /** Sends a message to the `AuditSender` of one of the processes; one that is gone is none of its concern. */
  readonly send: (process: number, message: unknown) => void;
  /** Default: a timer of the system's. */
  readonly schedule?: (delayMs: number, callback: () => void) => TimerHandle;
}

const { call, group, objectWith } = optionRules;
const RULES = group<SharedAuditLogOptions>(
  { log: objectWith('record', 'recordLost', 'flush'), send: call, schedule: call },
  ['log', 'send'],
);

/** While the log cannot be written it is tried again so often. */
const RETRY_MS = 1000;

/** The audit log of several processes, in the one that writes it: what others send is written, and then said to be. */
export class SharedAuditLog {
  readonly #options: SharedAuditLogOptions;
  /** Messages of each process that are with the log, and not known to be written. */
  #unwritten = new Map<number, number>();
  readonly #processes = new Set<number>();
  /** Of each process that has said something. */
  readonly #sessions = new Map<number, OpenSessions>();
  #told: string | null = null;
  #isWriting = false;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: SharedAuditLogOptions) {
    checkOptions(options, { call: 'SharedAuditLog', root: RULES });
    this.#options = options;
  }

  /** Takes what a process sent. False: the message is about something else. */
  take(process: number, message: unknown): boolean {
    if (!isToWriter(message)) return false;
    const { log } = this.#options;
    if (message.audit === 'event') {
      log.record(message.event);
      this.#sessionsOf(process).take(message.event);
    } else log.recordLost(message.count);
    this.#written(process, 1);
    return true;
  }

  /** A process may send from now on; it is told when nothing can be written. */
  add(process: number): void {
    this.#processes.add(process);
    if (this.#told !== null) this.#send(process, { audit: 'fault', message: this.#told });
  }

  /** It is gone; what it sent is written all the same, and of each session that it had an end, if it did not tell of one. */
  remove(process: number): void {
    this.#processes.delete(process);
    const sessions = this.#sessions.get(process);
    this.#sessions.delete(process);
    const { events, uncounted } = sessions?.end() ?? { events: [], uncounted: 0 };
    for (const event of events) this.#options.log.record(event);
    if (uncounted > 0) this.#options.log.recordLost(uncounted);
    if (events.length + uncounted > 0) this.#written(process, 0);
  }

  #sessionsOf(process: number): OpenSessions {
    const known = this.#sessions.get(process) ?? new OpenSessions();
    this.#sessions.set(process, known);
    return known;
  }

  /** So many messages of the process are with the log. */
  #written(process: number, messages: number): void {
    this.#unwritten.set(process, (this.#unwritten.get(process) ?? 0) + messages);
    if (!this.#isWriting) void this.#write();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const { log, schedule = systemTimer } = this.#options;
    this.#isWriting = true;
    while (this.#unwritten.size > 0 || this.#told !== null) {
      const sent = this.#unwritten;
      this.#unwritten = new Map();
      await log.flush().catch(() => undefined);
      const { failure } = log;
      this.#tellAll(failure === undefined ? null : failure.message);
      if (failure === undefined) {
        for (const [process, count] of sent) this.#send(process, { audit: 'written', count });
        continue;
      }
      for (const [process, count] of sent) {
        this.#unwritten.set(process, (this.#unwritten.get(process) ?? 0) + count);
      }
      await new Promise<void>((resolve) => void schedule(RETRY_MS, resolve));
    }
    this.#isWriting = false;
  }

  #tellAll(failure: string | null): void {
    if (failure === this.#told) return;
    this.#told = failure;
    for (const process of this.#processes) this.#send(process, { audit: 'fault', message: failure });
  }

  #send(process: number, message: FromWriter): void {
    this.#options.send(process, message);
  }
}

function systemTimer(delayMs: number, callback: () => void): TimerHandle {
  const timer = setTimeout(callback, delayMs).unref();
  return { cancel: () => clearTimeout(timer) };
}
