import { checkArgument, optionRules } from '@kwik/wire';
import type { LogLine, LogSink } from './log-line.js';

/** What of `pino`, or of a logger of its shape, is used. */
export interface PinoLike {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Lines of JSON, each with the time; what peers chose stands in strings, so no line can be forged. */
export function jsonLines(write: (text: string) => void, wallClockMs: () => number = () => Date.now()): LogSink {
  checkArgument('jsonLines', 'write', write, optionRules.call);
  checkArgument('jsonLines', 'wallClockMs', wallClockMs, optionRules.call);
  return (line) => {
    const { level, event, message, ...rest } = flat(line);
    write(`${JSON.stringify({ time: new Date(wallClockMs()).toISOString(), level, event, message, ...rest })}\n`);
  };
}

/** Hands lines to a logger of pino's shape. */
export function pinoSink(logger: PinoLike): LogSink {
  checkArgument('pinoSink', 'logger', logger, optionRules.objectWith('debug', 'info', 'warn', 'error'));
  return (line) => {
    const { level, message, ...rest } = flat(line);
    logger[level](rest, message);
  };
}

/** The figures stand beside the rest; they cannot take its place. */
function flat({ fields, ...line }: LogLine): Omit<LogLine, 'fields'> & Record<string, unknown> {
  return { ...fields, ...line };
}
