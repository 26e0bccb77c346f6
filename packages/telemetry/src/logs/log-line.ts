/** From what only a developer wants to what somebody must look at. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** One thing that happened. `message` is for people; the rest is for programs. */
export interface LogLine {
  readonly level: LogLevel;
  /** What happened, such as `path-failover`: one of a closed set. */
  readonly event: string;
  readonly message: string;
  readonly session?: string;
  readonly path?: number;
  readonly server?: string;
  /** Figures and words that belong to it. */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

/** Takes lines; must not throw, and what it does with them is its own. */
export type LogSink = (line: LogLine) => void;
