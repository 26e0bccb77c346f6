import { spawn, type ChildProcess } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createReadStream, existsSync, watch } from 'node:fs';
import { mkdir, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Link } from '@kwik/testbed';
import { z } from 'zod';
import { parseHostPort } from '../src/address.js';

export const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const WRITE_BYTES = 4 * 1024 * 1024;

const resultSchema = z.object({
  bytes: z.number(),
  seconds: z.number(),
  goodputMbps: z.number(),
  sha256: z.string().nullable(),
  maxGapMs: z.number(),
  paths: z.array(
    z.object({
      server: z.string(),
      bytes: z.number(),
      share: z.number(),
      rttMs: z.number(),
      lostPackets: z.number(),
      state: z.string(),
      reason: z.string().optional(),
    }),
  ),
  size: z.number().optional(),
  resumedFrom: z.number().optional(),
  files: z.object({ total: z.number(), done: z.number(), skipped: z.number(), failed: z.number() }).optional(),
  failures: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })).optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type Result = z.infer<typeof resultSchema>;

export interface Ended {
  /** Exit status, or the signal that ended the process. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `kwik` process with what it has printed. Ended by the harness at the latest. */
export class Running {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #text = { stdout: '', stderr: '' };
  readonly #waiting = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this.#text[name] += text;
        for (const look of this.#waiting) look();
      });
    }
    this.ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => {
      for (const look of this.#waiting) look();
      return { status: code ?? signal ?? -1, ...this.#text };
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first match of `pattern` in what the process has printed or will print. Fails when it ends without. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    let match = this.#match(pattern);
    if (match !== null) return match;
    let look = (): void => undefined;
    const found = new Promise<void>((resolve) => {
      look = () => {
        match = this.#match(pattern);
        if (match !== null) resolve();
      };
      this.#waiting.add(look);
    });
    await Promise.race([found, this.ended]);
    this.#waiting.delete(look);
    if (match !== null) return match;
    throw new Error(`ended without printing ${String(pattern)}:\n${this.#text.stdout}\n${this.#text.stderr}`);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    return pattern.exec(this.#text.stdout) ?? pattern.exec(this.#text.stderr);
  }
}

export interface Server {
  /** `host:port`. */
  readonly address: string;
  readonly process: Running;
}

/** Processes and files of one test, all below a temporary folder of its own; `close` ends and removes them. */
export class Harness {
  readonly folder: string;
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Harness> {
    if (!existsSync(BIN)) throw new Error('packages/cli/dist is missing; run `pnpm build` before these tests');
    return new Harness(await mkdtemp(join(tmpdir(), 'kwik-cli-test-')));
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.reverse()) await closer();
    await rm(this.folder, { recursive: true, force: true });
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: this.folder,
      // Without the options that this very test was started with.
      env: { ...process.env, NODE_OPTIONS: '', KWIK_DEBUG: '', KWIK_DATA_DIR: this.path('data'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const running = new Running(child);
    this.#closers.push(async () => {
      child.kill('SIGKILL');
      await running.ended;
    });
    return running;
  }

  run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
    return this.start(args, env).ended;
  }

  /** `kwik serve` on a port of the system's; resolves when it listens. */
  async serve(folder: string, args: readonly string[] = [], env?: NodeJS.ProcessEnv): Promise<Server> {
    await mkdir(this.path(folder), { recursive: true });
    const running = this.start(['serve', this.path(folder), '--listen', '127.0.0.1:0', '--json', ...args], env);
    const [, address = ''] = await running.printed(/^\{"event":"listening","address":"([^"]+)"/u);
    return { address, process: running };
  }

  /** A server with copies of `folder` at `peers`. */
  serveWith(folder: string, peers: readonly (Server | string)[]): Promise<Server> {
    return this.serve(
      folder,
      peers.flatMap((peer) => ['--peer', typeof peer === 'string' ? peer : peer.address]),
    );
  }

  /** `kwik get … --json` to its end. */
  async get(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended & { readonly result: Result }> {
    return withResult(await this.run(['get', '--json', ...args], env));
  }

  /** A link of 20 Mbit/s and 20 ms there and back, in front of the server: a download lasts. */
  async linkTo(server: Pick<Server, 'address'>): Promise<Link> {
    const both = { rateBitsPerSecond: 20e6, delayMs: 10 };
    const link = await Link.create({ target: parseHostPort(server.address), both });
    this.#closers.push(() => link.close());
    return link;
  }

  /** A UDP socket that hears everything and answers nothing. */
  async silentServer(): Promise<string> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    this.#closers.push(async () => {
      await new Promise<void>((resolve) => void socket.close(resolve));
    });
    return `127.0.0.1:${socket.address().port}`;
  }

  /** Makes a file whose content follows from `seed`; resolves with its SHA-256. */
  async makeFile(path: string, bytes: number, seed = 'kwik'): Promise<string> {
    const target = this.path(path);
    await mkdir(dirname(target), { recursive: true });
    const key = createHash('sha256').update(seed).digest();
    const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
    const hash = createHash('sha256');
    const file = await open(target, 'wx');
    try {
      for (let left = bytes; left > 0; left -= WRITE_BYTES) {
        const chunk = cipher.update(Buffer.alloc(Math.min(WRITE_BYTES, left)));
        hash.update(chunk);
        await file.write(chunk);
      }
    } finally {
      await file.close();
    }
    return hash.digest('hex');
  }
}

export function withResult(ended: Ended): Ended & { readonly result: Result } {
  const lines = ended.stdout.split('\n').filter((line) => line !== '');
  if (lines.length !== 1) throw new Error(`one line of JSON expected:\n${ended.stdout}\n${ended.stderr}`);
  return { ...ended, result: resultSchema.parse(JSON.parse(lines[0] ?? '')) };
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Resolves when the file at `path` has at least `bytes`; fails if `process` ends before. */
export async function grownTo(path: string, bytes: number, process: Running): Promise<void> {
  const stop = new AbortController();
  const changes = new Promise<void>((resolve, reject) => {
    const look = (): void => {
      stat(path).then(
        ({ size }) => {
          if (size >= bytes) resolve();
        },
        () => undefined,
      );
    };
    watch(dirname(path), { signal: stop.signal }, look).on('error', reject);
    look();
  });
  const tooLate = process.ended.then(({ stdout, stderr }) => {
    throw new Error(`${path} has not reached ${bytes} bytes:\n${stdout}\n${stderr}`);
  });
  try {
    await Promise.race([changes, tooLate]);
  } finally {
    stop.abort();
    changes.catch(() => undefined);
    tooLate.catch(() => undefined);
  }
}
