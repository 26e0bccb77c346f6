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

/** The last lines; each gets a number. */
export class BoundedLines {
  readonly #entries: TimelineEntry[] = [];
  #number = 0;

  /** Those after number `after`, oldest first. */
  since(after: number): TimelineEntry[] {
    return this.#entries.filter(({ number }) => number > after);
  }

  add(entry: Omit<TimelineEntry, 'number'>): void {
    this.#number += 1;
    this.#entries.push({ ...entry, number: this.#number, message: entry.message.slice(0, MAX_MESSAGE_CHARACTERS) });
    if (this.#entries.length > MAX_ENTRIES) this.#entries.shift();
  }
}

/** The last things that happened, as sentences. */
export class Timeline implements Disposable {
  readonly #lines = new BoundedLines();
  readonly #wallClockMs: () => number;
  readonly #end: () => void;

  constructor(wallClockMs: () => number = () => Date.now()) {
    this.#wallClockMs = wallClockMs;
    const listeners = DIAGNOSTIC_NAMES.map((name) => [name, (event: unknown) => this.#hear(name, event)]);
    this.#end = listen(Object.fromEntries(listeners) as Listeners);
  }

  /** Those after number `after`, oldest first. */
  since(after: number): TimelineEntry[] {
    return this.#lines.since(after);
  }

  add({ level, message, session = '' }: LogLine): void {
    if (level !== 'debug') this.#lines.add({ time: this.#wallClockMs(), level, message, session });
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #hear(name: DiagnosticName, event: unknown): void {
    const line = (EVENT_LINES[name] as (event: unknown) => LogLine | undefined)(event);
    if (line !== undefined) this.add(line);
  }
}
