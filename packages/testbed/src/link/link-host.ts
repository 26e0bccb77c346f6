import type { Worker } from 'node:worker_threads';

import { KwikError } from '@kwik/wire';

import type { EmulatedLink, LinkOptions } from './emulated-link.js';
import { bindError, openInline } from './link.js';
import type { LinkCommand, LinkReply } from './link-messages.js';
import { LinkPump } from './link-pump.js';
import type { RelayOptions } from './link-relay.js';
import { LinkControl, resolveLink, type RelayCalls } from './link-settings.js';
import { startWorker } from './start-worker.js';

export interface LinkHostOptions {
  /** True runs the links in a worker thread, so that what this thread does never delays their packets. Default false. */
  readonly isolated?: boolean;
}

interface Waiting {
  resolve(reply: LinkReply): void;
  reject(error: KwikError): void;
}

/** Runs several links in one place: in this thread, or in a worker thread. */
export class LinkHost implements AsyncDisposable {
  readonly #links = new Set<EmulatedLink>();
  readonly #open: (options: RelayOptions) => Promise<LinkControl>;
  readonly #stop: () => Promise<void>;
  #closed = false;

  private constructor(open: (options: RelayOptions) => Promise<LinkControl>, stop: () => Promise<void>) {
    this.#open = open;
    this.#stop = stop;
  }

  static start(options: LinkHostOptions = {}): LinkHost {
    if (options.isolated === true) {
      const worker = new LinkThread();
      return new LinkHost(
        (link) => worker.open(link),
        () => worker.stop(),
      );
    }
    const pump = new LinkPump({ nap: false });
    return new LinkHost(
      (link) => openInline(link, pump),
      () => Promise.resolve(),
    );
  }

  /** As `Link.create`. */
  async create(options: LinkOptions): Promise<EmulatedLink> {
    if (this.#closed) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the link host is closed');
    const link = await this.#open(await resolveLink(options));
    this.#links.add(link);
    return link;
  }

  /** Closes every link and the thread. Calling it again does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#links].map((link) => link.close()));
    await this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The worker thread, as its owner sees it. */
class LinkThread {
  readonly #worker: Worker = startWorker(import.meta.url, 'link-worker');
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #failure: KwikError | undefined;

  constructor() {
    // The thread lives as long as its owner closes nothing, and keeps no process alive that has ended its work.
    this.#worker.unref();
    this.#worker.on('message', (reply: LinkReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(KwikError.from(error)));
    this.#worker.on('exit', () => this.#fail(new KwikError('ERR_KWIK_INVALID_STATE', 'the link thread has ended')));
  }

  async open(options: RelayOptions): Promise<LinkControl> {
    const id = this.#nextId++;
    const reply = await this.#request({ kind: 'open', id, options });
    if (reply.kind === 'opened') return new LinkControl(options, reply.port, this.#callsOf(id));
    throw bindError(options, reply.kind === 'failed' ? reply.message : reply.kind);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #callsOf(id: number): RelayCalls {
    return {
      configure: (direction, settings) => this.#tell({ kind: 'configure', id, direction, settings }),
      cut: (direction) => this.#tell({ kind: 'cut', id, direction }),
      heal: (direction) => this.#tell({ kind: 'heal', id, direction }),
      close: async () => {
        if (this.#failure === undefined) await this.#request({ kind: 'close', id });
      },
    };
  }

  #tell(command: LinkCommand): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#worker.postMessage(command);
  }

  #request(command: LinkCommand): Promise<LinkReply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.set(command.id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(command);
    });
  }

  #settle(reply: LinkReply): void {
    this.#waiting.get(reply.id)?.resolve(reply);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
  }

  #fail(error: KwikError): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }
}
