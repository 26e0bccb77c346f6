import { performance } from 'node:perf_hooks';
import { checkOptions, DIAGNOSTIC_NAMES, optionRules, type DiagnosticName } from '@kwik/wire';
import { listen, type Listeners } from '../events/subscriptions.js';
import { EVENT_LINES } from './event-lines.js';
import { LineLimiter } from './line-limiter.js';
import { LOG_LEVELS, type LogLevel, type LogLine, type LogSink } from './log-line.js';

export interface EventLogOptions {
  readonly sink: LogSink;
  /** Lines below it are left out. Default: `info`. */
  readonly level?: LogLevel;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

const { call, group, oneOf } = optionRules;
const RULES = group<EventLogOptions>({ sink: call, level: oneOf(...LOG_LEVELS), now: call }, ['sink']);

/** Writes a line for each event that is news, from now until it is disposed of. */
export class EventLog implements Disposable {
  readonly #options: EventLogOptions;
  readonly #limiter = new LineLimiter();
  readonly #least: number;
  readonly #end: () => void;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: EventLogOptions) {
    checkOptions(options, { call: 'EventLog', root: RULES });
    this.#options = options;
    this.#least = LOG_LEVELS.indexOf(options.level ?? 'info');
    const listeners = DIAGNOSTIC_NAMES.map((name) => [name, (event: unknown) => this.#hear(name, event)]);
    this.#end = listen(Object.fromEntries(listeners) as Listeners);
  }

  /** A line of the application's own, by the same rules. */
  write(line: LogLine): void {
    if (LOG_LEVELS.indexOf(line.level) < this.#least) return;
    const { now = () => performance.now(), sink } = this.#options;
    const passed = this.#limiter.pass(line, now());
    if (passed !== undefined) sink(passed);
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #hear(name: DiagnosticName, event: unknown): void {
    const line = (EVENT_LINES[name] as (event: unknown) => LogLine | undefined)(event);
    if (line !== undefined) this.write(line);
  }
}
