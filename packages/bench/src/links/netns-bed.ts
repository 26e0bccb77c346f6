import type { LabLinkStats, NativeTools, NetworkLab } from '../netns/namespaces.js';
import { createNetworkLab } from '../netns/namespaces.js';
import { kernelTransfer, prepareMptcp, type KernelTransfer } from '../netns/mptcp.js';
import { shapeOf, type LinkBed, type LinkCount, type LinkCounts, type LinkSpec } from './link-bed.js';

const ANY_HOST = '0.0.0.0';

/** Links as tun devices between two network namespaces, a process in C between them. */
export class NetnsBed implements LinkBed {
  readonly kind = 'netns';
  readonly hosts: readonly string[];
  #mptcpReady: Promise<void> | undefined;

  readonly #lab: NetworkLab;

  private constructor(
    readonly specs: readonly LinkSpec[],
    lab: NetworkLab,
  ) {
    this.#lab = lab;
    this.hosts = lab.links.map(({ serverAddress }) => serverAddress);
  }

  static async start(specs: readonly LinkSpec[], tools: NativeTools): Promise<NetnsBed> {
    return new NetnsBed(specs, await createNetworkLab({ links: specs.map(shapeOf), tools }));
  }

  serverHost(link?: number): string {
    return link === undefined ? ANY_HOST : this.hosts[link]!;
  }

  connect(link: number, port: number): Promise<string> {
    return Promise.resolve(`${this.hosts[link]!}:${port}`);
  }

  through(side: 'client' | 'server'): readonly string[] {
    return side === 'client' ? this.#lab.clientPrefix : this.#lab.serverPrefix;
  }

  cut(link: number): Promise<number> {
    return this.#lab.cut(link);
  }

  heal(link: number): Promise<number> {
    return this.#lab.heal(link);
  }

  async counts(link: number): Promise<LinkCounts> {
    const { links } = await this.#lab.stats();
    const { up, down } = links[link]!;
    return { up: countOf(up), down: countOf(down) };
  }

  /** Linux's MPTCP with a subflow over each link. */
  async mptcp(bytes: number, maxMs: number): Promise<KernelTransfer> {
    this.#mptcpReady ??= prepareMptcp(this.#lab);
    await this.#mptcpReady;
    return kernelTransfer(this.#lab, { protocol: 'mptcp', bytes, seconds: maxMs / 1000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.dispose();
  }
}

function countOf({ packetsIn, packetsOut, droppedQueue, droppedLoss, droppedCut }: LabLinkStats['up']): LinkCount {
  return {
    packetsIn,
    packetsOut,
    droppedByQueue: droppedQueue,
    droppedByLoss: droppedLoss,
    droppedByCut: droppedCut,
  };
}
