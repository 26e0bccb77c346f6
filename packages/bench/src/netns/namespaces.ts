import { execFile, spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

import type { LinkDirection } from '@kwik/testbed';

import { LinkEmulator, type LabStats } from './link-emulator.js';
import { applyLinkSpec, linkCommands, type CompleteDirection, type LinkSpec } from './link-spec.js';
import { compileNativeTools, type NativeTools } from './native-tools.js';
import { clientSetup, serverSetup, clientAddressOf, serverAddressOf, type NamespaceSetup } from './namespace-setup.js';

export type { LabLinkStats } from './link-emulator.js';
export { networkLabSupport, mptcpSupport } from './support.js';
export { compileNativeTools, type NativeTools } from './native-tools.js';

const run = promisify(execFile);

type LabSide = 'client' | 'server';

export interface NetworkLabOptions {
  /** 1 to 16 links. */
  readonly links: readonly LinkSpec[];
  /** Of loss and jitter; default 1. */
  readonly seed?: number;
  /** Compiled once for several labs by `compileNativeTools`; without, the lab compiles its own. */
  readonly tools?: NativeTools;
}

interface LabLink {
  /** Packets from this address go over this link, and what answers them comes back over it. */
  readonly clientAddress: string;
  /** An unbound client's packets to this address go over this link. */
  readonly serverAddress: string;
}

/**
 * A client's and a server's network namespace with emulated links between them. What goes over a link is decided by
 * the client's address; a socket that is bound to none goes over the link of the server's address.
 */
export interface NetworkLab {
  readonly tools: NativeTools;
  /** In front of a command, runs it in the namespace: `ip netns exec NAME`. For `Children.start({ through })`. */
  readonly clientPrefix: readonly string[];
  readonly serverPrefix: readonly string[];
  readonly links: readonly LabLink[];
  /**
   * Drops everything on a link silently, both ways, also what is inside.
   * @returns the moment, milliseconds on `process.hrtime`, which all processes share.
   */
  cut(link: number): Promise<number>;
  heal(link: number): Promise<number>;
  /** Changes what the spec names and leaves the rest. Packets that were sent stay sent. */
  configure(link: number, spec: LinkSpec): Promise<void>;
  setRate(link: number, rateBitsPerSecond: number): Promise<void>;
  stats(): Promise<LabStats>;
  /** Any program in a namespace; killed at `dispose`. With 'ipc' in `stdio`, Node talks with its parent. */
  spawn(side: LabSide, command: string, args: readonly string[], stdio?: StdioOptions): ChildProcess;
  /** Ends the lab's processes and takes the namespaces away. This happens too when the process dies. */
  dispose(): Promise<void>;
}

/**
 * Makes the namespaces and links, which takes some 100 ms. Ask `networkLabSupport` first.
 * @throws Error that says what failed; nothing is left behind.
 */
export async function createNetworkLab(options: NetworkLabOptions): Promise<NetworkLab> {
  const count = options.links.length;
  if (count < 1 || count > 16) throw new Error(`a lab has 1 to 16 links, not ${count}`);
  await removeLeftovers();
  const tools = options.tools ?? (await compileNativeTools());
  const names: string[] = [];
  const forgo = async (): Promise<void> => {
    for (const name of names) await deleteNamespace(name);
    if (options.tools === undefined) await tools.dispose();
  };
  try {
    const [client, server] = [await addNamespace('c', names), await addNamespace('s', names)];
    const args = [options.seed ?? 1, client, server, count].map(String);
    const emulator = await LinkEmulator.start(tools.links, args);
    const lab = new Lab({ client, server }, tools, emulator, options.links, forgo);
    try {
      await lab.setUp();
      return lab;
    } catch (error) {
      await lab.dispose();
      throw error;
    }
  } catch (error) {
    await forgo();
    throw error;
  }
}

class Lab implements NetworkLab {
  readonly tools: NativeTools;
  readonly clientPrefix: readonly string[];
  readonly serverPrefix: readonly string[];
  readonly links: readonly LabLink[];
  readonly #emulator: LinkEmulator;
  readonly #settings: Record<LinkDirection, CompleteDirection>[];
  readonly #children = new Set<ChildProcess>();
  readonly #names: Readonly<Record<LabSide, string>>;
  readonly #afterwards: () => Promise<void>;
  #disposed: Promise<void> | undefined;

  constructor(
    names: Readonly<Record<LabSide, string>>,
    tools: NativeTools,
    emulator: LinkEmulator,
    specs: readonly LinkSpec[],
    afterwards: () => Promise<void>,
  ) {
    this.#names = names;
    this.tools = tools;
    this.#emulator = emulator;
    this.#afterwards = afterwards;
    this.#settings = specs.map((spec) => applyLinkSpec(spec));
    this.clientPrefix = ['ip', 'netns', 'exec', names.client];
    this.serverPrefix = ['ip', 'netns', 'exec', names.server];
    this.links = specs.map((_, index) => ({
      clientAddress: clientAddressOf(index),
      serverAddress: serverAddressOf(index),
    }));
  }

  async setUp(): Promise<void> {
    const commands = this.#settings.flatMap((settings, index) => linkCommands(index, settings));
    await Promise.all([
      ...commands.map((command) => this.#emulator.command(command)),
      setUpNamespace(this.#names.client, clientSetup(this.links.length)),
      setUpNamespace(this.#names.server, serverSetup(this.links.length)),
    ]);
  }

  async cut(link: number): Promise<number> {
    const [atMs] = await Promise.all([0, 1].map((way) => this.#emulator.command(`cut ${link} ${way}`)));
    return atMs!;
  }

  async heal(link: number): Promise<number> {
    const [atMs] = await Promise.all([0, 1].map((way) => this.#emulator.command(`heal ${link} ${way}`)));
    return atMs!;
  }

  async configure(link: number, spec: LinkSpec): Promise<void> {
    const previous = this.#settings[link];
    if (previous === undefined) throw new Error(`there is no link ${link}`);
    const settings = applyLinkSpec(spec, previous);
    this.#settings[link] = settings;
    const commands = linkCommands(link, settings, previous);
    await Promise.all(commands.map((command) => this.#emulator.command(command)));
  }

  setRate(link: number, rateBitsPerSecond: number): Promise<void> {
    return this.configure(link, { both: { rateBitsPerSecond } });
  }

  stats(): Promise<LabStats> {
    return this.#emulator.stats();
  }

  spawn(side: LabSide, command: string, args: readonly string[], stdio: StdioOptions = 'inherit'): ChildProcess {
    return this.#track(spawn('ip', ['netns', 'exec', this.#names[side], command, ...args], { stdio }));
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    const ended = [...this.#children].map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
    await this.#emulator.stop();
    await this.#afterwards();
  }

  /** `ip netns exec` becomes the program itself, so that the child's id is the program's. */
  #track(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }
}

/** Of labs, and of the probe of `networkLabSupport`. */
const NAME = /^kwik-(\d+)-/;

/** Adds a namespace, and its name to `added`. Labs come and go side by side: a name is used once. */
async function addNamespace(kind: string, added: string[]): Promise<string> {
  const name = `kwik-${process.pid}-${randomUUID()}-${kind}`;
  await run('ip', ['netns', 'add', name]);
  added.push(name);
  return name;
}

async function setUpNamespace(name: string, { sysctls, batch }: NamespaceSetup): Promise<void> {
  const writes = sysctls.map(([key, value]) => `echo '${value}' > /proc/sys/${key.replaceAll('.', '/')}`).join(' && ');
  await run('ip', ['netns', 'exec', name, 'sh', '-c', writes]);
  const done = run('ip', ['-n', name, '-batch', '-']);
  done.child.stdin?.end(`${batch.join('\n')}\n`);
  await done;
}

/** Takes away what a process that was killed left behind. */
async function removeLeftovers(): Promise<void> {
  const names = await readdir('/var/run/netns').catch(() => []);
  for (const name of names) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await deleteNamespace(name);
  }
}

async function deleteNamespace(name: string): Promise<void> {
  await run('ip', ['netns', 'del', name]).catch(() => undefined);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
