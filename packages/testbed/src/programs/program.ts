import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where servers are that a user's PATH does not name. */
const FURTHER_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/sbin'];
/** What is kept of a program's output to say why it failed. */
const OUTPUT_KEPT = 64 * 1024;
const READY_WITHIN_MS = 20_000;
/** What a program has to end by itself after SIGTERM. */
const END_WITHIN_MS = 5_000;

/** How a program is run. */
export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program is ready when its output (both streams, as they came) matches; at once when this is left out. */
  readonly ready?: RegExp;
  /** Milliseconds until it must be ready; 20,000 by default. */
  readonly readyWithinMs?: number;
  /** Run as this user and group, for programs that refuse root. Only root may set it. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A program that runs. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Both streams, the last 64 KiB of them. */
  output(): string;
  /** The exit status, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Sends a signal; does nothing when it has ended. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it: SIGTERM, and SIGKILL when 5 s did not do. Resolves when it has ended; calling it again is harmless. */
  stop(): Promise<void>;
}

/** The absolute path of a program by its name, as a shell and its sbin folders know it; undefined when there is none. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...FURTHER_FOLDERS];
  return isAbsolute(name)
    ? [name].find(isExecutable)
    : folders.map((folder) => join(folder, name)).find((path) => isExecutable(path));
}

/**
 * Starts a program, for tests with real servers. Resolves when it is ready. Rejects with an Error that holds its output
 * when it cannot be started, ends before it is ready, or is not ready in time (it is ended then).
 */
export async function startProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Program> {
  const { ready, readyWithinMs = READY_WITHIN_MS } = options;
  const child = launch(command, args, options);
  let output = '';
  let onOutput = (): void => undefined;
  const collect = (text: string): void => {
    output = (output + text).slice(-OUTPUT_KEPT);
    onOutput();
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('error', () => {
      resolve(127);
    });
    // Its output is whole at 'close', not at 'exit'.
    child.once('close', (code, signal) => {
      resolve(code ?? signal ?? 128);
    });
  });
  const program = running(child, ended, () => output);
  try {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`${command} was not ready within ${readyWithinMs} ms:\n${output}`));
      }, readyWithinMs);
      const refuse = (reason: string): void => {
        clearTimeout(late);
        reject(new Error(reason));
      };
      child.once('error', (error) => {
        refuse(`${command} cannot be started: ${error.message}`);
      });
      void ended.then((status) => {
        refuse(`${command} ended with ${status} before it was ready:\n${output}`);
      });
      const accept = (): void => {
        onOutput = () => undefined;
        clearTimeout(late);
        resolve();
      };
      if (ready === undefined) child.once('spawn', accept);
      else {
        onOutput = () => {
          if (ready.test(output)) accept();
        };
      }
    });
    return program;
  } catch (error) {
    await program.stop();
    throw error;
  }
}

function launch(command: string, args: readonly string[], { cwd, env, uid, gid }: ProgramOptions) {
  return spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
}

function running(
  child: ReturnType<typeof spawn>,
  ended: Promise<number | NodeJS.Signals>,
  output: () => string,
): Program {
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const stubborn = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
    await ended;
    clearTimeout(stubborn);
  };
  return {
    pid: child.pid ?? -1,
    output,
    ended,
    signal: (signal) => void child.kill(signal),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
