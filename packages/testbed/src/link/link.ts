import { KwikError } from '@kwik/wire';

import type { EmulatedLink, LinkOptions, LinkStats } from './emulated-link.js';
import type { LinkDirection, LinkDirectionOptions } from './link-options.js';
import { LinkPump } from './link-pump.js';
import { LinkRelay, type RelayOptions } from './link-relay.js';
import { LinkControl, resolveLink } from './link-settings.js';

/**
 * An emulated link in this thread: a UDP relay in front of a server. Light work for the thread, but whatever else keeps
 * the thread busy delays the link's packets; `createLinks({ isolated: true })` gives links a thread of their own.
 */
export class Link implements EmulatedLink {
  readonly #control: LinkControl;

  private constructor(control: LinkControl) {
    this.#control = control;
  }

  /**
   * @throws KwikError ERR_KWIK_INVALID_ARGUMENT that names the option; ERR_KWIK_CONNECT_FAILED when the address cannot
   * be bound.
   */
  static async create(options: LinkOptions): Promise<Link> {
    return new Link(await openInline(await resolveLink(options), new LinkPump({ nap: false })));
  }

  get host(): string {
    return this.#control.host;
  }

  get port(): number {
    return this.#control.port;
  }

  address(): string {
    return this.#control.address();
  }

  configure(direction: LinkDirection | 'both', options: LinkDirectionOptions): void {
    this.#control.configure(direction, options);
  }

  cut(direction: LinkDirection | 'both' = 'both'): void {
    this.#control.cut(direction);
  }

  heal(direction: LinkDirection | 'both' = 'both'): void {
    this.#control.heal(direction);
  }

  stats(): LinkStats {
    return this.#control.stats();
  }

  close(): Promise<void> {
    return this.#control.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A link of this thread on a pump that several links may share. */
export async function openInline(options: RelayOptions, pump: LinkPump): Promise<LinkControl> {
  try {
    const relay = await LinkRelay.open(options, pump);
    return new LinkControl(options, relay.port, relay);
  } catch (error) {
    throw bindError(options, error);
  }
}

export function bindError(options: RelayOptions, error: unknown): KwikError {
  const why = error instanceof Error ? error.message : String(error);
  return new KwikError('ERR_KWIK_CONNECT_FAILED', `cannot listen on ${options.host}:${options.port}: ${why}`, {
    cause: error,
  });
}
