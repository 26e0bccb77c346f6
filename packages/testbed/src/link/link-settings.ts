import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';

import { KwikError } from '@kwik/wire';

import { LINK_COUNTERS_BYTES, LinkCounters } from './link-counters.js';
import type { EmulatedLink, LinkOptions, LinkStats } from './emulated-link.js';
import { applyOptions, resolveShape, type LinkDirection, type LinkDirectionOptions } from './link-options.js';
import type { RelayOptions } from './link-relay.js';

const DEFAULT_SEED = 1;
/** One socket each; well below the usual limit of open files. */
const DEFAULT_MAX_CLIENTS = 1024;

/** Checks the options of a link and completes them. The counters are in shared memory: any thread may read them. */
export async function resolveLink(options: LinkOptions): Promise<RelayOptions> {
  const targetHost = await addressOf(options.target.host);
  const host = options.host ?? (isIPv6(targetHost) ? '::1' : '127.0.0.1');
  if (isIP(host) === 0) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `link option host "${host}" is no IP address`);
  const maxClients = options.maxClients ?? DEFAULT_MAX_CLIENTS;
  wholeNumber('port', options.port ?? 0, 0, 65_535);
  wholeNumber('target.port', options.target.port, 1, 65_535);
  wholeNumber('maxClients', maxClients, 1, 65_535);
  return {
    host,
    port: options.port ?? 0,
    targetHost,
    targetPort: options.target.port,
    seed: options.seed ?? DEFAULT_SEED,
    maxClients,
    ...resolveShape(options),
    upCounters: new SharedArrayBuffer(LINK_COUNTERS_BYTES),
    downCounters: new SharedArrayBuffer(LINK_COUNTERS_BYTES),
  };
}

/** Calls that a control hands on to the relay, wherever it runs. */
export interface RelayCalls {
  configure(direction: LinkDirection, settings: RelayOptions['up']): void;
  cut(direction: LinkDirection): void;
  heal(direction: LinkDirection): void;
  close(): Promise<void>;
}

/** The caller's side of a link: keeps its settings, reads its counters, hands calls on. */
export class LinkControl implements EmulatedLink {
  readonly host: string;
  readonly port: number;
  readonly #calls: RelayCalls;
  readonly #settings: Record<LinkDirection, RelayOptions['up']>;
  readonly #counters: Record<LinkDirection, LinkCounters>;
  #closing: Promise<void> | undefined;

  constructor(options: RelayOptions, port: number, calls: RelayCalls) {
    this.host = options.host;
    this.port = port;
    this.#calls = calls;
    this.#settings = { up: options.up, down: options.down };
    this.#counters = { up: new LinkCounters(options.upCounters), down: new LinkCounters(options.downCounters) };
  }

  address(): string {
    return isIPv6(this.host) ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  configure(direction: LinkDirection | 'both', options: LinkDirectionOptions): void {
    this.#assertOpen();
    const changed = each(direction).map((one) => [one, applyOptions(this.#settings[one], options)] as const);
    for (const [one, settings] of changed) {
      this.#settings[one] = settings;
      this.#calls.configure(one, settings);
    }
  }

  cut(direction: LinkDirection | 'both' = 'both'): void {
    this.#assertOpen();
    for (const one of each(direction)) this.#calls.cut(one);
  }

  heal(direction: LinkDirection | 'both' = 'both'): void {
    this.#assertOpen();
    for (const one of each(direction)) this.#calls.heal(one);
  }

  stats(): LinkStats {
    return { up: this.#counters.up.snapshot(), down: this.#counters.down.snapshot() };
  }

  close(): Promise<void> {
    this.#closing ??= this.#calls.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the link is closed');
  }
}

function each(direction: LinkDirection | 'both'): LinkDirection[] {
  return direction === 'both' ? ['up', 'down'] : [direction];
}

async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch (error) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `link option target.host "${host}" has no IPv4 address`, {
      cause: error,
    });
  }
}

function wholeNumber(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `link option ${name} is ${value}, not a whole number from ${least} to ${most}`,
  );
}
