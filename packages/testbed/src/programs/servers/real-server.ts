import { chownSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { freePort } from '../free-port.js';
import { findProgram, type Program, startProgram } from '../program.js';

/** How often another port is tried: another program may have taken it between the look and the start. */
const ATTEMPTS = 3;

/** A server that runs on 127.0.0.1, with a folder of its own. */
export interface RealServer {
  readonly port: number;
  readonly folder: string;
  readonly program: Program;
  /** Ends it and removes its folder; calling it again is harmless. */
  stop(): Promise<void>;
}

export interface RealServerPlan {
  /** Names of programs, as `findProgram` takes them; the first is the server. */
  readonly programs: readonly string[];
  /** Programs that refuse to be run by root are run by this user then. */
  readonly insteadOfRoot?: string;
  /** Of files that the server needs, before its first start. */
  prepare?(folder: string, run: (command: string, args: readonly string[]) => void): void;
  args(folder: string, port: number): readonly string[];
  readonly ready: RegExp;
}

/** The programs of the plan that this machine does not have: the reason to skip a test. */
export function missingPrograms({ programs }: RealServerPlan): readonly string[] {
  return programs.filter((name) => findProgram(name) === undefined);
}

/** Starts the server. Rejects with its output when it does not come up. */
export async function startRealServer(plan: RealServerPlan): Promise<RealServer> {
  const command = findProgram(plan.programs[0] ?? '') ?? plan.programs[0] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'kwik-server-'));
  const owner = ownerOf(plan.insteadOfRoot);
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  plan.prepare?.(folder, (name, args) => {
    execFileSync(findProgram(name) ?? name, args, { ...owner, cwd: folder, stdio: 'pipe' });
  });
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      const options = { cwd: folder, ready: plan.ready, ...owner };
      const program = await startProgram(command, plan.args(folder, port), options);
      const stop = async (): Promise<void> => {
        await program.stop();
        await rm(folder, { recursive: true, force: true });
      };
      return { port, folder, program, stop };
    } catch (error) {
      if (attempt < ATTEMPTS) continue;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

function ownerOf(user: string | undefined): { uid: number; gid: number } | undefined {
  if (user === undefined || process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
