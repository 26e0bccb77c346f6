import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { compileTools } from '../netns/native-tools.js';
import type { Forwarded, StartForwarder } from './forwarder.js';

/** `native/forward.c`, ready to be started: a plain loop of `recvmmsg` and `sendmmsg`, the ceiling of every forwarder. */
export interface PlainForwarder {
  readonly start: StartForwarder;
  readonly dispose: () => Promise<void>;
}

/** @throws Error with the compiler's messages, or that there is none. */
export async function plainForwarder(): Promise<PlainForwarder> {
  const { programs, dispose } = await compileTools('forward');
  return { start: (targetPort) => startForward(programs.forward, targetPort), dispose };
}

async function startForward(program: string, targetPort: number): ReturnType<StartForwarder> {
  const child = spawn(program, [String(targetPort)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = linesOf(child);
  const port = Number(await lines.next());
  return {
    port,
    end: async () => {
      child.stdin.end();
      return parseUsage(await lines.next());
    },
  };
}

/** The lines that the program prints, one after the other; rejects when it ends before. */
function linesOf(child: ChildProcess): { next(): Promise<string> } {
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`the forwarder cannot be started: ${error.message}`)));
  });
  // Whoever asks for a line hears of it.
  failed.catch(() => undefined);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await Promise.race([lines.next(), failed]);
    if (line.done === true) throw new Error('the forwarder ended too early');
    return line.value;
  };
  return { next };
}

function parseUsage(line: string): Forwarded {
  const [datagrams = 0, bytes = 0, cpuSeconds = 0] = line.split(' ').map(Number);
  return { datagrams, bytes, cpuSeconds };
}
