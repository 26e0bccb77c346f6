import { dial, listen } from '@kwik/session';
import { EXIT } from './exit-codes.js';
import type { CliIo, InterruptSignal, Output } from './io.js';

/** What a terminal is taken for when it does not tell its width. */
const DEFAULT_COLUMNS = 80;
const SIGNALS: readonly InterruptSignal[] = ['SIGINT', 'SIGTERM'];

/** The real process. `self` is the script that it runs. */
export function nodeIo(self: string): CliIo {
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    env: process.env,
    network: { dial, listen },
    self: [process.execPath, ...process.execArgv, self],
    now: () => performance.now(),
    onInterrupt,
    every: (intervalMs, callback) => {
      const timer = setInterval(callback, intervalMs).unref();
      return () => clearInterval(timer);
    },
    stdinEnded,
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // A reader that went away (`kwik get -o - | head`) is told by `write`; text for nobody is no reason to fail.
  stream.on('error', () => undefined);
  return {
    isTty: stream.isTTY,
    columns: () => (stream.isTTY ? stream.columns : DEFAULT_COLUMNS),
    print: (text) => {
      stream.write(text);
    },
    write: (data) =>
      new Promise((resolve, reject) => {
        stream.write(data, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      }),
  };
}

/** The first signal asks for an orderly end; whoever sends a second one has no patience left. */
function onInterrupt(listener: (signal: InterruptSignal) => void): () => void {
  let asked = false;
  const handlers = SIGNALS.map((signal) => {
    const handler = (): void => {
      if (asked) process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
      asked = true;
      listener(signal);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const remove of handlers) remove();
  };
}

function stdinEnded(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin
      .once('end', resolve)
      .once('close', resolve)
      .once('error', () => resolve())
      .resume();
  });
}
