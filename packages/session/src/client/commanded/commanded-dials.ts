import { KwikError, type Clock, type TimerHandle, type TransportAddress } from '@kwik/wire';
import type { AccessGate } from '../../runtime/host/access-gate.js';
import { formatAddress } from '../target.js';
import { DialBudget, type DialBudgetLimits } from './dial-budget.js';
import { type LocalScope, requireTarget } from './target-rule.js';

/**
 * Whatever went wrong with a dial, the primary hears of it no sooner than this after its command: that a port is closed, a
 * name unknown or an address refused would else show in the time that it took. What was not answered takes its time-out.
 */
const FAILURE_ANSWER_MS = 1000;
/** A dial that has to wait is held for so long; the primary waits 5 s longer than the time that it allows the dial. */
const MAX_HELD_MS = 3000;
/** However much time the primary allows: a silent address gets packets as long. */
const MAX_TIMEOUT_MS = 30_000;
/** Of a name that has more: one of each family. */
const MAX_ADDRESSES = 2;

export interface CommandedDialsOptions {
  readonly clock: Clock;
  readonly limits: DialBudgetLimits;
  readonly allowed: readonly LocalScope[];
  /** What the application allows besides; asked for each numeric `host:port`. */
  readonly access?: Pick<AccessGate, 'require'>;
  /** Tells the application what the primary is not told; never throws. */
  readonly onRefused: (refusal: { readonly address: string; readonly error: KwikError }) => void;
}

/** One command of the primary. */
export interface CommandedDial {
  readonly timeoutMs: number;
  /** Of the numeric addresses of a name those that are dialled, once they may be. Throws for none. */
  readonly admit: (addresses: readonly string[], port: number) => Promise<readonly string[]>;
  /** A server showed a certificate that the client itself trusts: what it answers is its own word, and no news of a network. */
  readonly reached: () => void;
  /** The server at this address took the path. */
  readonly joined: (remote: TransportAddress) => void;
}

/**
 * Everything that a client dials because its primary said so goes through here: a primary's word opens neither the client's
 * network nor a stranger's. What it hears of a dial that reached no server of the client's own trust is one and the same; of
 * one that did, the server's refusal.
 */
export class CommandedDials {
  readonly #options: CommandedDialsOptions;
  readonly #budget: DialBudget;
  readonly #waiting = new Map<TimerHandle, () => void>();
  #closed = false;

  constructor(options: CommandedDialsOptions) {
    this.#options = options;
    this.#budget = new DialBudget(options.limits);
  }

  /** `primary`: the numeric address of who commands. Rejects with what the primary may know. */
  async run<T>(
    command: { readonly address: string; readonly timeoutMs: number },
    primary: string,
    dial: (commanded: CommandedDial) => Promise<T>,
  ): Promise<T> {
    const { clock, onRefused } = this.#options;
    const startMs = clock.now();
    const dialled: string[] = [];
    const progress = { reached: false };
    const admit = (addresses: readonly string[], port: number): Promise<readonly string[]> =>
      this.#admit(addresses, port, primary, dialled);
    try {
      return await dial({
        timeoutMs: Math.min(command.timeoutMs, MAX_TIMEOUT_MS),
        admit,
        reached: () => void (progress.reached = true),
        joined: ({ address, port }) => this.#budget.succeeded(formatAddress(address, port)),
      });
    } catch (thrown) {
      for (const _ of dialled) this.#budget.failed();
      const error = KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED');
      onRefused({ address: command.address, error });
      await this.#pause(startMs + FAILURE_ANSWER_MS - clock.now());
      if (progress.reached) throw error;
      throw new KwikError('ERR_KWIK_CONNECT_FAILED', `the client has no connection to ${command.address}`, {
        scope: 'path',
        cause: error,
      });
    }
  }

  /** What waits, waits no longer. */
  close(): void {
    this.#closed = true;
    for (const [timer, done] of this.#waiting) {
      timer.cancel();
      done();
    }
    this.#waiting.clear();
  }

  async #admit(
    addresses: readonly string[],
    port: number,
    primary: string,
    dialled: string[],
  ): Promise<readonly string[]> {
    const permitted = this.#permitted(addresses, port, primary).slice(0, MAX_ADDRESSES);
    const untilMs = this.#options.clock.now() + MAX_HELD_MS;
    for (const address of permitted) {
      const key = formatAddress(address, port);
      await this.#take(key, untilMs);
      dialled.push(key);
    }
    return permitted;
  }

  #permitted(addresses: readonly string[], port: number, primary: string): string[] {
    let refusal: unknown;
    const permitted = addresses.filter((address) => {
      try {
        requireTarget(address, primary, this.#options.allowed);
        const resource = formatAddress(address, port);
        this.#options.access?.require({ action: 'dial', peer: primary, resource });
        return true;
      } catch (error) {
        refusal ??= error;
        return false;
      }
    });
    if (permitted.length === 0) throw KwikError.from(refusal, 'ERR_KWIK_CONNECT_FAILED');
    return permitted;
  }

  /** Another dial of the address may begin while this one waits, so it is asked again after each wait. */
  async #take(key: string, untilMs: number): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      if (this.#closed) throw new KwikError('ERR_KWIK_SESSION_CLOSED');
      const now = clock.now();
      const waitMs = this.#budget.waitMs(key, now);
      if (waitMs === 0) {
        this.#budget.take(key, now);
        return;
      }
      if (now + waitMs > untilMs) {
        throw new KwikError(
          'ERR_KWIK_LIMIT_EXCEEDED',
          `${key} was dialled a moment ago; in ${Math.ceil(waitMs)} ms again`,
        );
      }
      await this.#pause(waitMs);
    }
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.schedule(ms, () => {
        this.#waiting.delete(timer);
        resolve();
      });
      this.#waiting.set(timer, resolve);
    });
  }
}
