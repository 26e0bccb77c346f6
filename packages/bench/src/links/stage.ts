import type { ChildHandle, Children } from '../harness/children.js';
import { makeCredentials } from './authority.js';
import type { ClientCalls } from './client-child.js';
import type { LinkBed } from './link-bed.js';
import { RUNNING, type ListenTask, type RunResult, type RunTask, type StreamRequest } from './messages.js';
import type { ServerCalls } from './server-child.js';

const CLIENT = new URL('./client-child.js', import.meta.url);
const SERVER = new URL('./server-child.js', import.meta.url);

/** `each`: a server of its own behind each link; `one`: the same server behind all of them. */
export type Servers = 'each' | 'one';

export interface RunOptions {
  /** Links that the session may use; the first leads to the primary. Default: all of them. */
  readonly links?: readonly number[];
  readonly request: StreamRequest;
  readonly maxBytes: number;
  readonly maxMs: number;
  readonly sampleMs?: number;
}

/** Long enough for processes to start on a busy machine. */
const SLACK_MS = 30_000;
const SAMPLE_MS = 50;

interface Parts {
  readonly bed: LinkBed;
  readonly client: ChildHandle<ClientCalls>;
  readonly servers: Servers;
  readonly processes: readonly ChildHandle<ServerCalls>[];
  readonly ca: string;
  /** What each server calls itself. */
  readonly addresses: readonly string[];
  /** How the client reaches it. */
  readonly via: readonly string[];
}

/** Servers behind the links of a bed, and a client: a process each. */
export class Stage {
  #running: (() => void) | undefined;

  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  get bed(): LinkBed {
    return this.#parts.bed;
  }

  get servers(): Servers {
    return this.#parts.servers;
  }

  /** The processes are the children's to end, and the bed its owner's. `carefulResume`: of the servers. */
  static async build(bed: LinkBed, children: Children, servers: Servers, carefulResume = false): Promise<Stage> {
    const credentials = await makeCredentials(bed.hosts);
    const count = servers === 'each' ? bed.specs.length : 1;
    const processes = Array.from({ length: count }, (_, link) =>
      children.start<ServerCalls>(SERVER, { label: `server ${link}`, through: bed.through('server') }),
    );
    const hosts = processes.map((_, link) => bed.serverHost(servers === 'each' ? link : undefined));
    const ports = await Promise.all(
      processes.map((server, link) => listen(server, { host: hosts[link]!, credentials, carefulResume })),
    );
    const via: string[] = [];
    for (const link of bed.specs.keys()) via.push(await bed.connect(link, ports[link % count]!));
    const heard: { stage?: Stage } = {};
    const onTold = (value: unknown): void => {
      if (value === RUNNING && heard.stage !== undefined) heard.stage.#started();
    };
    const client = children.start<ClientCalls>(CLIENT, { label: 'client', through: bed.through('client'), onTold });
    const addresses = hosts.map((host, link) => `${host}:${ports[link]}`);
    heard.stage = new Stage({ bed, client, servers, processes, ca: credentials.ca, addresses, via });
    return heard.stage;
  }

  /** A fresh session, from the dial to the last byte. Rejects when a byte was wrong. */
  async run({ links = [...this.bed.specs.keys()], ...options }: RunOptions): Promise<RunResult> {
    const { servers, processes, addresses, via, client, ca } = this.#parts;
    const [first, ...others] = links;
    if (first === undefined) throw new Error('a session over no link');
    const further = servers === 'each' ? others : [];
    await processes[servers === 'each' ? first : 0]!.call(
      'peers',
      further.map((link) => addresses[link]!),
    );
    const task: RunTask = {
      ca,
      target: via[first]!,
      via: Object.fromEntries(further.map((link) => [addresses[link]!, via[link]!])),
      extraPaths: servers === 'one' ? others.map((link) => via[link]!) : [],
      sampleMs: SAMPLE_MS,
      ...options,
    };
    return client.call('run', task, options.maxMs + SLACK_MS);
  }

  /** Ends the run that goes on. */
  stop(): Promise<void> {
    return this.#parts.client.call('stop', undefined);
  }

  /** The link that an address of a path belongs to; -1 for none. */
  linkOf(address: string): number {
    const { via, addresses, servers } = this.#parts;
    const dialled = via.indexOf(address);
    return dialled >= 0 || servers === 'one' ? dialled : addresses.indexOf(address);
  }

  /** Resolves when the next run has its first byte. */
  running(): Promise<void> {
    return new Promise((resolve) => (this.#running = resolve));
  }

  #started(): void {
    this.#running?.();
    this.#running = undefined;
  }
}

function listen(server: ChildHandle<ServerCalls>, task: ListenTask): Promise<number> {
  return server.call('listen', task);
}
