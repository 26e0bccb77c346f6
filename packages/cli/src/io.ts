import type { DialOptions, DialTarget, Listener, ListenOptions, Session } from '@kwik/session';

/** Where text goes. */
export interface Output {
  readonly isTty: boolean;
  /** Width of the terminal in characters. */
  columns(): number;
  /** Text for people; never waits. */
  print(text: string): void;
  /** Bytes of a file; resolves when more may be written. */
  write(data: Uint8Array): Promise<void>;
}

/** The part of @kwik/session that the commands use, so that tests can stand in for it. */
export interface Network {
  dial(target: string | DialTarget, options?: DialOptions): Promise<Session>;
  listen(options: ListenOptions): Promise<Listener>;
}

export type InterruptSignal = 'SIGINT' | 'SIGTERM';

/** Everything that a command touches outside itself. */
export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly network: Network;
  /** Program and arguments that start this command again, as the demo does for its servers. */
  readonly self: readonly string[];
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls `listener` at Ctrl-C and at termination, until the returned function is called. */
  onInterrupt(listener: (signal: InterruptSignal) => void): () => void;
  /** Calls `listener` at SIGHUP, until the returned function is called. */
  onHangup(listener: () => void): () => void;
  /** Calls `callback` every `intervalMs` until the returned function is called; does not keep the process alive. */
  every(intervalMs: number, callback: () => void): () => void;
  /** What comes on standard input, until its end; to be asked for once. */
  stdin(): AsyncIterable<Uint8Array>;
  /** Resolves when standard input ends. */
  stdinEnded(): Promise<void>;
}
