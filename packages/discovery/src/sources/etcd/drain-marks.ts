import { checkOptions, KwikError, optionRules } from '@kwik/wire';
import type { Etcd3, IOptions } from 'etcd3';
import { z } from 'zod';
import { report } from '../announcement.js';
import { systemClock } from '../system-clock.js';
import { delay } from '../waiting.js';
import { clientOf, etcdHosts, firstChange, readKeys, within, withDeadline } from './etcd-client.js';

/** Below it stand the services, and below each of them the ids of servers that are to drain. No lease ends a mark. */
const MARKS = 'kwik/v1/drains';
const MAX_MARK_CHARACTERS = 2048;
const MAX_TEXT_CHARACTERS = 256;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 5000;

/** That an operator wants a server to take nobody new. */
export interface DrainMark {
  /** Milliseconds since 1970; 0: nobody knows. */
  readonly atMs: number;
  /** Who set it, and why; empty when not said. */
  readonly by: string;
  readonly reason: string;
}

export interface DrainMarksOptions {
  /** Hosts and credentials, as etcd3 takes them. */
  readonly etcd: IOptions;
  readonly service: string;
}

const RULES = optionRules.group<DrainMarksOptions>({ etcd: etcdHosts, service: optionRules.text }, ['etcd', 'service']);

/** The marks of a service in etcd. A server is known by its id, or, without one, by its first address. */
export class DrainMarks implements Disposable {
  readonly #client: Etcd3;
  readonly #prefix: string;
  readonly #closing = new AbortController();

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: DrainMarksOptions) {
    checkOptions(options, { call: 'DrainMarks', root: RULES });
    const { etcd, service } = options;
    this.#client = clientOf(etcd);
    this.#prefix = `${MARKS}/${service}/`;
  }

  /** By the servers' ids. Rejects with ERR_KWIK_TIMEOUT when etcd does not answer within 5 s, or as etcd3 does. */
  async all(): Promise<Map<string, DrainMark>> {
    const { keys } = await withDeadline(readKeys(this.#client, this.#prefix), this.#closing.signal);
    return new Map(
      keys.map(({ key, value }) => [key.toString('utf8').slice(this.#prefix.length), parsed(value.toString('utf8'))]),
    );
  }

  /** Rejects as `all` does, and with ERR_KWIK_INVALID_ARGUMENT for texts of more than 256 characters. */
  async set(server: string, mark: DrainMark): Promise<void> {
    if (mark.by.length > MAX_TEXT_CHARACTERS || mark.reason.length > MAX_TEXT_CHARACTERS) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a drain mark has texts of ${MAX_TEXT_CHARACTERS} characters`);
    }
    const put = async (): Promise<unknown> =>
      this.#client.put(`${this.#prefix}${server}`).value(JSON.stringify(mark)).options(within());
    await withDeadline(put(), this.#closing.signal);
  }

  /** Resolves with whether there was one. Rejects as `all` does. */
  async clear(server: string): Promise<boolean> {
    const remove = this.#client.delete().key(`${this.#prefix}${server}`).options(within()).exec();
    return Number((await withDeadline(remove, this.#closing.signal)).deleted) > 0;
  }

  /**
   * Tells of the mark of a server, first as it is and then at each change, until `close`. While etcd is away the last that was
   * known holds. Resolves when it was told for the first time, or etcd could not be asked.
   */
  watch(
    server: string,
    onMark: (mark: DrainMark | undefined) => void,
    onFailure?: (error: unknown) => void,
  ): Promise<void> {
    return new Promise((resolve) => void this.#follow(server, { onMark, onFailure, onAsked: resolve }));
  }

  /** No call goes on after it. */
  close(): void {
    this.#closing.abort();
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #follow(
    server: string,
    tell: {
      readonly onMark: (mark: DrainMark | undefined) => void;
      readonly onFailure: ((error: unknown) => void) | undefined;
      readonly onAsked: () => void;
    },
  ): Promise<void> {
    const { signal } = this.#closing;
    const over = (): boolean => signal.aborted;
    const key = `${this.#prefix}${server}`;
    let waitMs = FIRST_WAIT_MS;
    while (!over()) {
      try {
        const { keys, revision } = await withDeadline(readKeys(this.#client, key), signal);
        if (over()) return;
        const own = keys.find((one) => one.key.toString('utf8') === key);
        tell.onMark(own === undefined ? undefined : parsed(own.value.toString('utf8')));
        waitMs = FIRST_WAIT_MS;
        tell.onAsked();
        await firstChange(this.#client, key, revision, signal);
      } catch (error) {
        if (over()) return;
        report(tell.onFailure, error);
        tell.onAsked();
        await delay(systemClock(), waitMs, signal);
        waitMs = Math.min(MAX_WAIT_MS, 2 * waitMs);
      }
    }
  }
}

const text = z.string().max(MAX_TEXT_CHARACTERS);
const shape = z.object({ atMs: z.number().min(0), by: text, reason: text });

/** What cannot be read is a mark all the same: somebody put it there. */
function parsed(json: string): DrainMark {
  try {
    return shape.parse(JSON.parse(json.slice(0, MAX_MARK_CHARACTERS)));
  } catch {
    return { atMs: 0, by: '', reason: '' };
  }
}
