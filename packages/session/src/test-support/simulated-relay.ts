import type { Flow, FlowOptions } from '@kwik/quic';
import type { LinkDirectionOptions, LinkShape, MemoryDialOptions, MemoryLink, MemoryNetwork } from '@kwik/testbed';
import type { PathTransport } from '@kwik/wire';
import type { RelayForwarder } from '../server/relay/relay-config.js';

/** Nobody listens there. */
const NOWHERE = '192.0.2.255:1';

interface Passing {
  readonly flow: Flow;
  /** Those of the connection that this flow forwards, if it has been dialled. */
  readonly links: MemoryLink[];
}

/** How a client of a relay dials, but for what the relay itself decides. */
export type ThroughOptions = Omit<MemoryDialOptions, 'to' | 'link'>;

/**
 * What a relay forwards on a network in memory: each connection by way of it goes over a link of its own to the anchor, from when
 * the relay has registered its id until it forwards it no longer. The relay does with all of them what a test says.
 */
export class SimulatedRelay {
  readonly #network: MemoryNetwork;
  readonly #address: string;
  readonly #shape: LinkShape;
  readonly #flows = new Map<string, Passing>();
  #changes: LinkDirectionOptions = {};
  #silent = false;
  #dialled = 0;
  /** Where new connections lead instead of the anchor, `host:port`. */
  misleadsTo: string | undefined;

  readonly forwarder: RelayForwarder = {
    resolve: (host) => Promise.resolve([host]),
    forward: (options) => this.#forward(options),
    stopForwarding: (flow) => this.#stop(keyOf(flow.clientId)),
  };

  constructor(network: MemoryNetwork, address: string, shape: LinkShape) {
    this.#network = network;
    this.#address = address;
    this.#shape = shape;
  }

  /** Connections that are forwarded. */
  get flows(): number {
    return this.#flows.size;
  }

  /** Of its links, when nothing is wrong with them. */
  get delayMs(): number {
    return this.#shape.both?.delayMs ?? 0;
  }

  /** By way of it; an id that it was not told of gets no answer. Rejects as `MemoryNetwork.dial` does. */
  dial(connectionId: Uint8Array, options: ThroughOptions): Promise<PathTransport> {
    const key = keyOf(connectionId);
    const passing = this.#flows.get(key);
    // Not by the id, which is drawn by chance: what becomes of a link's datagrams is drawn by its name.
    const name = `${this.#address} forwards ${this.#dialled++}`;
    const link = this.#network.link(name, this.#shape);
    link.configure('both', this.#changes);
    if (this.#silent) link.cut();
    passing?.links.push(link);
    const { address = '', port = 0 } = passing?.flow.anchor ?? {};
    const to = passing === undefined ? NOWHERE : (this.misleadsTo ?? `${address}:${port}`);
    return this.#network.dial({ ...options, to, link: name });
  }

  /** What becomes of all that passes, from now on; a later call changes what it names. */
  configure(changes: LinkDirectionOptions): void {
    this.#changes = { ...this.#changes, ...changes };
    for (const link of this.#links()) link.configure('both', changes);
  }

  /** Nothing passes, and nobody is told. */
  silence(): void {
    this.#silent = true;
    for (const link of this.#links()) link.cut();
  }

  speak(): void {
    this.#silent = false;
    for (const link of this.#links()) link.heal();
  }

  stall(): void {
    for (const link of this.#links()) link.stall();
  }

  resume(): void {
    for (const link of this.#links()) link.resume();
  }

  /** All flows are gone, as in a process that dies. */
  forget(): void {
    for (const key of [...this.#flows.keys()]) this.#stop(key);
  }

  #forward(options: FlowOptions): Flow {
    const flow = { ...options, anchorIds: [] };
    this.#flows.set(keyOf(options.clientId), { flow, links: [] });
    return flow;
  }

  #stop(key: string): void {
    for (const link of this.#flows.get(key)?.links ?? []) link.cut();
    this.#flows.delete(key);
  }

  #links(): MemoryLink[] {
    return [...this.#flows.values()].flatMap(({ links }) => links);
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
