import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, type ChildOptions } from './child.js';

const MONITOR = 'tools/adversary/processes/monitor.ts';
const START_MS = 60_000;

/** What an honest client got while it was looked at. */
export interface Honest {
  readonly dialled: number;
  readonly refused: number;
  readonly bytes: number;
  readonly megabitsPerSecond: number;
  readonly error: string;
}

/** What is attacked. */
export interface Subject {
  /** The configuration of TypeScript that says where `@kwik/*` is, relative to the root of the checkout. */
  readonly tsconfig: string;
  /** The program `kwik`, likewise. */
  readonly kwik: string;
}

/** The sources of the checkout. */
export const CHECKOUT: Subject = { tsconfig: 'tsconfig.tests.json', kwik: 'packages/cli/src/bin.ts' };

/** Packages that were packed, and unpacked into a folder. */
export function releaseIn(folder: string): Subject {
  return { tsconfig: join(folder, 'tsconfig.json'), kwik: join(folder, 'node_modules/@kwik/cli/dist/bin.js') };
}

/** The processes of one attack, a folder for them, and their end. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'kwik-adversary-'));
  readonly #children: Child[] = [];
  readonly #subject: Subject;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** A program of this project, as a process that the scene ends. */
  start(program: string, options: Omit<ChildOptions, 'tsconfig'> = {}): Child {
    const child = new Child(program, {
      ...options,
      tsconfig: this.#subject.tsconfig,
      env: { KWIK_DATA_DIR: join(this.folder, 'data'), ...options.env },
    });
    this.#children.push(child);
    return child;
  }

  /** The library's server, watched. */
  async server(env: Readonly<Record<string, string>> = {}): Promise<{ readonly child: Child; readonly port: number }> {
    const child = this.start('tools/adversary/processes/server.ts', { env, preload: [MONITOR] });
    const { port } = await child.message<{ port: number }>(START_MS);
    return { child, port };
  }

  /** `kwik serve` of a folder, watched. */
  async serve(folder: string, ...args: string[]): Promise<{ readonly child: Child; readonly port: number }> {
    const child = this.start(this.#subject.kwik, {
      args: ['serve', folder, '--listen', '127.0.0.1:0', ...args],
      preload: [MONITOR],
    });
    const deadline = performance.now() + START_MS;
    for (;;) {
      const port = /127\.0\.0\.1:(\d+)/.exec(child.output)?.[1];
      if (port !== undefined && port !== '0') return { child, port: Number(port) };
      if (child.ended || performance.now() > deadline) throw new Error(`kwik serve ${child.ending}:\n${child.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Runs `kwik` to its end. */
  async kwik(...args: string[]): Promise<{ readonly code: number; readonly output: string }> {
    const child = this.start(this.#subject.kwik, { args });
    const code = await child.end(START_MS);
    return { code, output: child.output };
  }

  /** An honest client's experience in so many seconds. */
  async honest(kind: 'fetch' | 'dial', port: number, seconds: number, from?: string): Promise<Honest> {
    const child = this.start('tools/adversary/processes/honest.ts', {
      env: { KIND: kind, PORT: String(port), SECONDS: String(seconds), ...(from !== undefined && { FROM: from }) },
    });
    return child.message<Honest>(START_MS + seconds * 1000);
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
