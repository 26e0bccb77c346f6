import { createDiscovery, credentialsOfEnvironment, openSource, parseSource, type OwnDiscovery } from '@kwik/discovery';
import type { Discovery } from '@kwik/wire';
import type { KwikSettings } from './settings.js';

/** A program has one set of sources, seldom two. The one that was asked for first goes when there are more. */
const MAX_KEPT = 8;

/** What finds servers for the sockets of a process; each set of sources once. Discovery keeps no process alive. */
export class Discoveries {
  readonly #env: NodeJS.ProcessEnv;
  readonly #bySources = new Map<string, OwnDiscovery>();

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Undefined where no discovery is set. Throws ERR_KWIK_INVALID_ARGUMENT for a source that cannot be. */
  of({ discovery }: KwikSettings): Discovery | undefined {
    if (discovery === undefined || 'service' in discovery) return discovery;
    if (discovery.length === 0) return undefined;
    const key = JSON.stringify(discovery);
    const known = this.#bySources.get(key);
    if (known !== undefined) return known;
    const specs = [...new Set(discovery)].map(parseSource);
    const credentials = credentialsOfEnvironment(this.#env);
    const made = createDiscovery({
      sources: (service) => specs.map((spec) => openSource(spec, { service, credentials })),
    });
    this.#bySources.set(key, made);
    const [oldest] = this.#bySources.keys();
    if (this.#bySources.size > MAX_KEPT && oldest !== undefined) {
      this.#bySources.get(oldest)?.close();
      this.#bySources.delete(oldest);
    }
    return made;
  }
}
