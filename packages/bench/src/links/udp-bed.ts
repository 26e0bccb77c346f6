import { LinkHost, type EmulatedLink, type LinkDirectionStats } from '@kwik/testbed';
import { shapeOf, type LinkBed, type LinkCount, type LinkCounts, type LinkSpec } from './link-bed.js';
import { nowMs } from './messages.js';

const HOST = '127.0.0.1';

/** Links as UDP relays in a worker thread; works everywhere, and knows nothing of TCP. */
export class UdpBed implements LinkBed {
  readonly kind = 'udp';
  readonly hosts = [HOST];
  readonly #host = LinkHost.start({ isolated: true });
  readonly #links = new Map<number, EmulatedLink>();

  private constructor(readonly specs: readonly LinkSpec[]) {}

  static start(specs: readonly LinkSpec[]): Promise<UdpBed> {
    return Promise.resolve(new UdpBed(specs));
  }

  serverHost(): string {
    return HOST;
  }

  async connect(link: number, port: number): Promise<string> {
    const spec = this.specs[link];
    if (spec === undefined || this.#links.has(link)) throw new Error(`link ${link} is not there, or is taken`);
    const made = await this.#host.create({ ...shapeOf(spec), target: { host: HOST, port }, seed: link + 1 });
    this.#links.set(link, made);
    return made.address();
  }

  through(): readonly string[] {
    return [];
  }

  cut(link: number): Promise<number> {
    this.#link(link).cut();
    return Promise.resolve(nowMs());
  }

  heal(link: number): Promise<number> {
    this.#link(link).heal();
    return Promise.resolve(nowMs());
  }

  counts(link: number): Promise<LinkCounts> {
    const { up, down } = this.#link(link).stats();
    return Promise.resolve({ up: countOf(up), down: countOf(down) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.close();
  }

  #link(index: number): EmulatedLink {
    const link = this.#links.get(index);
    if (link === undefined) throw new Error(`link ${index} leads nowhere yet`);
    return link;
  }
}

function countOf({ packetsIn, packetsOut, dropped }: LinkDirectionStats): LinkCount {
  return {
    packetsIn,
    packetsOut,
    droppedByQueue: dropped.queue,
    droppedByLoss: dropped.loss + dropped.burst,
    droppedByCut: dropped.cut,
  };
}
