import { EXIT } from './exit-codes.js';
import type { CliIo, InterruptSignal, Network, Output } from './io.js';

/** What a terminal is taken for when it does not tell its width. */
const DEFAULT_COLUMNS = 80;
const SIGNALS: readonly InterruptSignal[] = ['SIGINT', 'SIGTERM'];

/** Text that waits for a reader who does not read; more is dropped, or a server would hold its log for ever. */
const MAX_WAITING_TEXT_BYTES = 1024 * 1024;
/** After a signal nobody waits longer than this for a reader who does not read. */
const FLUSH_AFTER_SIGNAL_MS = 500;

/** Loaded when it is used: help, and commands that open no session, start without it. */
const NETWORK: Network = {
  dial: async (...args) => (await import('@kwik/session')).dial(...args),
  listen: async (...args) => (await import('@kwik/session')).listen(...args),
};

/** The real process. */
export interface NodeIo extends CliIo {
  /** Waits until what was written has gone out; after a signal only for a moment. */
  flush(): Promise<void>;
  /** The signal that asked for the end, if one did. */
  signal(): InterruptSignal | undefined;
}

/** `self` is the script that the process runs. */
export function nodeIo(self: string): NodeIo {
  let signalled: InterruptSignal | undefined;
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    env: process.env,
    network: NETWORK,
    self: [process.execPath, ...process.execArgv, self],
    now: () => performance.now(),
    onInterrupt: (listener) =>
      onInterrupt((signal) => {
        signalled ??= signal;
        listener(signal);
      }),
    onHangup: (listener) => {
      process.on('SIGHUP', listener);
      return () => process.off('SIGHUP', listener);
    },
    every: (intervalMs, callback) => {
      const timer = setInterval(callback, intervalMs).unref();
      return () => clearInterval(timer);
    },
    stdin: () => process.stdin,
    stdinEnded,
    flush: () => flushOutput(signalled !== undefined),
    signal: () => signalled,
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // A reader that went away (`kwik get -o - | head`) is told by `write`; text for nobody is no reason to fail.
  stream.on('error', () => undefined);
  return {
    isTty: stream.isTTY,
    columns: () => (stream.isTTY ? stream.columns : DEFAULT_COLUMNS),
    print: (text) => {
      if (stream.writableLength <= MAX_WAITING_TEXT_BYTES) stream.write(text);
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

async function flushOutput(afterSignal: boolean): Promise<void> {
  const flushed = Promise.all([process.stdout, process.stderr].map(flush));
  const late = new Promise<void>((resolve) => {
    if (afterSignal) setTimeout(resolve, FLUSH_AFTER_SIGNAL_MS);
  });
  await Promise.race([flushed, late]);
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) return resolve();
    stream.once('close', resolve);
    stream.write('', () => resolve());
  });
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
