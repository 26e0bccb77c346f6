import type { ServiceLevel } from '@kwik/wire';
import type { SessionPolicy } from '../../core/policy/session-policy.js';
import type { UserCallbacks } from '../host/user-callbacks.js';
import type { SessionContext } from './session-context.js';
import type { Feature } from './feature.js';

type ServedSession = Pick<SessionContext, 'clock' | 'paths' | 'callbacks' | 'policy'>;

const ENDED: ServiceLevel = { level: 'none', reason: 'the session has ended' };

/** How much of its service a session has now, and who wants to hear of changes. */
export class SessionService implements Feature {
  readonly #policy: SessionPolicy;
  readonly #callbacks: UserCallbacks;
  readonly #listeners = new Set<(level: ServiceLevel) => void>();
  readonly #leave: () => void;
  #ended = false;

  constructor({ clock, paths, callbacks, policy }: ServedSession) {
    this.#policy = policy;
    this.#callbacks = callbacks;
    paths.onChange((path) => this.#tellIf(policy.onPath(path, clock.now())), 'state');
    this.#leave = policy.onChange((limits) => this.#tellIf(policy.onLimits(limits, clock.now())));
  }

  get level(): ServiceLevel {
    return this.#ended ? ENDED : this.#policy.level;
  }

  onChange(listener: (level: ServiceLevel) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onEnd(): void {
    this.#ended = true;
    this.#policy.end();
    this.#leave();
    this.#listeners.clear();
  }

  #tellIf(changed: boolean): void {
    if (!changed) return;
    const { level } = this;
    for (const listener of [...this.#listeners]) this.#callbacks.call('onServiceLevelChange', listener, level);
  }
}
