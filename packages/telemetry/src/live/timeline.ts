import { DIAGNOSTIC_NAMES, type DiagnosticName } from '@kwik/wire';
import { listen, type Listeners } from '../events/subscriptions.js';
import { EVENT_LINES } from '../logs/event-lines.js';
import type { LogLevel, LogLine } from '../logs/log-line.js';

/** What a page shows on being opened; what happened before stands in the log. */
const MAX_ENTRIES = 200;
const MAX_MESSAGE_CHARACTERS = 300;

export interface TimelineEntry {
  /** Rises by one with each. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly session: string;
}

/** The last things that happened, as sentences. */
export class Timeline implements Disposable {
  readonly #entries: TimelineEntry[] = [];
  readonly #wallClockMs: () => number;
  readonly #end: () => void;
  #number = 0;

  constructor(wallClockMs: () => number = () => Date.now()) {
    this.#wallClockMs = wallClockMs;
    const listeners = DIAGNOSTIC_NAMES.map((name) => [name, (event: unknown) => this.#hear(name, event)]);
    this.#end = listen(Object.fromEntries(listeners) as Listeners);
  }

  /** Those after number `after`, oldest first. */
  since(after: number): TimelineEntry[] {
    return this.#entries.filter(({ number }) => number > after);
  }

  add({ level, message, session = '' }: LogLine): void {
    if (level === 'debug') return;
    this.#number += 1;
    const text = message.slice(0, MAX_MESSAGE_CHARACTERS);
    this.#entries.push({ number: this.#number, time: this.#wallClockMs(), level, message: text, session });
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #hear(name: DiagnosticName, event: unknown): void {
    const line = (EVENT_LINES[name] as (event: unknown) => LogLine | undefined)(event);
    if (line !== undefined) this.add(line);
  }
}
