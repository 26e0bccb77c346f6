import {
  checkArgument,
  checkOptions,
  KwikError,
  optionRules,
  type Clock,
  type Discovery,
  type RecordVerifier,
} from '@kwik/wire';
import type { DiscoverySource } from './sources/discovery-source.js';
import { aSource, DIRECTORY_RULES, ServiceDirectory, type DirectoryOptions } from './directory/service-directory.js';
import { withDefaults } from './core/with-defaults.js';
import type { SelectionPolicy } from './core/selection/policy.js';
import { holdProcess, systemClock } from './sources/system-clock.js';

const MAX_SERVICES = 64;
const MAX_SOURCES = 16;
/** A DNS name, or a word. */
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/;

export interface DiscoveryOptions
  extends Partial<Omit<DirectoryOptions, 'clock' | 'random' | 'wallClockMs' | 'hold' | 'verifier'>> {
  /** The sources of a service, the most believed first; 16 at the most, each of a name of its own. */
  readonly sources: readonly DiscoverySource[] | ((service: string) => readonly DiscoverySource[]);
  /** Judges the records of a service before they are kept. Default: all are. */
  readonly verifier?: RecordVerifier | ((service: string) => RecordVerifier);
  readonly clock?: Clock;
  /** 0 <= random() < 1. Default: Math.random. */
  readonly random?: () => number;
  readonly wallClockMs?: () => number;
}

/** Discovery that a program owns. Its sources run from the first use of a service until `close`. */
export interface OwnDiscovery extends Discovery, Disposable {
  service(name: string): ServiceDirectory;
  close(): void;
}

const { call, either, group, listOf, objectWith } = optionRules;
const { hold: _hold, ...OF_DIRECTORY } = DIRECTORY_RULES;
const RULES = group<DiscoveryOptions>(
  {
    ...OF_DIRECTORY,
    sources: either(listOf(aSource), call),
    verifier: either(objectWith('refusal'), call),
  },
  ['sources'],
);

/**
 * Finds servers by the name of their service: merges what all sources say, knows how the servers do, and chooses. Throws
 * ERR_KWIK_INVALID_ARGUMENT for sources that cannot be, and for other options that are wrong; the message names them.
 */
export function createDiscovery(options: DiscoveryOptions): OwnDiscovery {
  checkOptions(options, { call: 'createDiscovery', root: RULES });
  return new Services(options);
}

class Services implements OwnDiscovery {
  readonly #options: DiscoveryOptions;
  readonly #services = new Map<string, ServiceDirectory>();
  #closed = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    if (typeof options.sources !== 'function') checkSources(options.sources);
  }

  service(name: string): ServiceDirectory {
    checkArgument('service', 'name', name, optionRules.text);
    if (this.#closed) throw new KwikError('ERR_KWIK_INVALID_STATE', 'this discovery is closed');
    const known = this.#services.get(name);
    if (known !== undefined) return known;
    if (!NAME.test(name)) {
      const text = 'the name of a service has letters, digits, dots, hyphens and underscores, 253 at the most';
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
    }
    if (this.#services.size >= MAX_SERVICES) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `one discovery finds ${MAX_SERVICES} services at the most`);
    }
    const { sources, clock, random, wallClockMs, policy, verifier, ...rest } = this.#options;
    const own = typeof sources === 'function' ? sources(name) : sources;
    checkArgument('createDiscovery', 'sources', own, listOf(aSource));
    checkSources(own);
    const rand = random ?? Math.random;
    const directory = new ServiceDirectory(name, own, {
      ...rest,
      clock: clock ?? systemClock(),
      random: rand,
      wallClockMs: wallClockMs ?? (() => Date.now()),
      ...(verifier !== undefined && { verifier: typeof verifier === 'function' ? verifier(name) : verifier }),
      ...(clock === undefined && { hold: holdProcess }),
      // Without a name, each process is an owner of its own.
      policy: withDefaults<Partial<SelectionPolicy>>({ owner: String(rand()) }, policy),
    });
    this.#services.set(name, directory);
    return directory;
  }

  close(): void {
    this.#closed = true;
    for (const directory of this.#services.values()) directory.close();
    this.#services.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function checkSources(sources: readonly DiscoverySource[]): void {
  const names = sources.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `two sources are called '${twice}': give one another name`);
  }
  if (sources.length === 0 || sources.length > MAX_SOURCES) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `discovery takes 1 to ${MAX_SOURCES} sources`);
  }
}
