import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { findProgram, sshOptions } from '@kwik/testbed/programs';

/** A program at work over one connection, which asks and waits for each answer, or reads on and on. */
export interface Load {
  readonly name: string;
  /** Answers, or bytes, that have come. */
  readonly progress: () => number;
  /** The longest wait for an answer since the last call, milliseconds. */
  readonly longestGapMs: () => number;
  /** No more is asked for. Resolves when all has ended as it should; rejects with what went wrong. */
  finish(): Promise<void>;
}

/** Asks `ask(1)`, `ask(2)`, …, each when the one before was answered, and rejects when an answer is not the one that is due. */
class Conversation {
  #count = 0;
  #lastMs = performance.now();
  #gapMs = 0;
  #stopping = false;
  readonly #say: (line: string) => void;
  readonly #ask: (count: number) => string;
  readonly #due: (count: number) => string;
  readonly #over: Promise<void>;
  #end: (error?: Error) => void = () => undefined;

  constructor(say: (line: string) => void, ask: (count: number) => string, due: (count: number) => string) {
    this.#say = say;
    this.#ask = ask;
    this.#due = due;
    this.#over = new Promise((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#over.catch(() => undefined);
    say(ask(1));
  }

  get count(): number {
    return this.#count;
  }

  heard(line: string): void {
    const now = performance.now();
    this.#gapMs = Math.max(this.#gapMs, now - this.#lastMs);
    this.#lastMs = now;
    this.#count += 1;
    const due = this.#due(this.#count);
    if (line !== due) this.failed(new Error(`'${line}' came in place of '${due}'`));
    else if (this.#stopping) this.#end();
    else this.#say(this.#ask(this.#count + 1));
  }

  failed(error: Error): void {
    this.#end(error);
  }

  takeGapMs(): number {
    const gapMs = Math.max(this.#gapMs, performance.now() - this.#lastMs);
    this.#gapMs = 0;
    return gapMs;
  }

  stop(): Promise<void> {
    this.#stopping = true;
    return this.#over;
  }
}

function program(name: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(findProgram(name) ?? name, args, { stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '' } });
}

/** The end of a program that should end well. */
async function endedWell(name: string, child: ChildProcessWithoutNullStreams, stderr: () => string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}: ${stderr()}`);
}

function talking(
  name: string,
  child: ChildProcessWithoutNullStreams,
  ask: (count: number) => string,
  due: (count: number) => string,
): Load {
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined);
  const conversation = new Conversation((line) => void child.stdin.write(`${line}\n`), ask, due);
  createInterface({ input: child.stdout }).on('line', (line) => conversation.heard(line));
  child.once('close', () => conversation.failed(new Error(`${name} has ended: ${stderr}`)));
  return {
    name,
    progress: () => conversation.count,
    longestGapMs: () => conversation.takeGapMs(),
    finish: async () => {
      await conversation.stop();
      child.stdin.end();
      await endedWell(name, child, () => stderr);
    },
  };
}

/** One session of psql that inserts 1, 2, 3, … into a table `seen` that it makes, a transaction each. */
export function inserting(port: string): Load {
  const args = ['-h', '127.0.0.1', '-p', port, '-U', 'kwik', '-qtAX', '-v', 'ON_ERROR_STOP=1', 'postgres'];
  const child = program('psql', args);
  child.stdin.write('CREATE TABLE seen (n int PRIMARY KEY);\n');
  return talking('psql', child, (n) => `INSERT INTO seen VALUES (${n}) RETURNING n;`, String);
}

/** A shell over ssh that says back what it hears. */
export function echoing(port: string, folder: string): Load {
  const args = [...sshOptions(folder), '-p', port, '127.0.0.1', 'cat'];
  return talking(
    'ssh',
    program('ssh', args),
    (n) => `line ${n}`,
    (n) => `line ${n}`,
  );
}

/** A connection to Redis that counts. */
export function counting(port: string): Load {
  const socket = connect(Number(port), '127.0.0.1').setNoDelay();
  const conversation = new Conversation(
    (line) => void socket.write(`${line}\r\n`),
    () => 'INCR seen',
    (n) => `:${n}`,
  );
  createInterface({ input: socket }).on('line', (line) => conversation.heard(line));
  socket.on('error', (error) => conversation.failed(error));
  socket.on('close', () => conversation.failed(new Error('the connection to Redis was closed')));
  return {
    name: 'redis',
    progress: () => conversation.count,
    longestGapMs: () => conversation.takeGapMs(),
    finish: async () => {
      await conversation.stop();
      socket.destroy();
    },
  };
}

/** curl reads a file whose digest is known, not faster than this; its end is the end of the file. */
export function downloading(url: string, bytesPerSecond: number, sha256: string): Load {
  const limit = ['--limit-rate', String(bytesPerSecond)];
  const child = program('curl', ['--silent', '--show-error', '--fail', '--noproxy', '*', ...limit, url]);
  const hash: Hash = createHash('sha256');
  let [bytes, stderr, lastMs, gapMs] = [0, '', performance.now(), 0];
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
    gapMs = Math.max(gapMs, performance.now() - lastMs);
    lastMs = performance.now();
  });
  return {
    name: 'curl',
    progress: () => bytes,
    longestGapMs: () => {
      const gap = gapMs;
      gapMs = 0;
      return gap;
    },
    finish: async () => {
      await endedWell('curl', child, () => stderr);
      const got = hash.digest('hex');
      if (got !== sha256) throw new Error(`curl got ${bytes} bytes with the digest ${got}, not ${sha256}`);
    },
  };
}
