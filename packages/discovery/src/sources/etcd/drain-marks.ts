import { checkArgument, checkOptions, optionRules } from '@kwik/wire';
import type { Etcd3, IKeyValue, IOptions } from 'etcd3';
import { z } from 'zod';
import { report } from '../announcement.js';
import { systemClock } from '../system-clock.js';
import { delay } from '../waiting.js';
import { clientOf, etcdError, etcdHosts, firstChange, readKeys, within, withDeadline } from './etcd-client.js';

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

const text = z.string().max(MAX_TEXT_CHARACTERS);
const shape = z.object({ atMs: z.number().min(0), by: text, reason: text });

const { call, value } = optionRules;
const aServer = value('the id or the address of a server', (given) => typeof given === 'string' && given !== '');
const aMark = value(
  `a mark with atMs, and with texts of ${MAX_TEXT_CHARACTERS} characters at the most`,
  (given) => shape.safeParse(given).success,
);

/** The marks of a service in etcd. A server is known by its id, or, without one, by its first address. */
export class DrainMarks implements Disposable {
  readonly #client: Etcd3;
  readonly #etcd: IOptions;
  readonly #prefix: string;
  readonly #closing = new AbortController();

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: DrainMarksOptions) {
    checkOptions(options, { call: 'DrainMarks', root: RULES });
    const { etcd, service } = options;
    this.#etcd = etcd;
    this.#client = clientOf(etcd);
    this.#prefix = `${MARKS}/${service}/`;
  }

  /**
   * By the servers' ids. Rejects with ERR_KWIK_TIMEOUT when etcd does not answer within 5 s, with ERR_KWIK_AUTH_FAILED or
   * ERR_KWIK_CONNECT_FAILED when it refuses; the message says which etcd.
   */
  async all(): Promise<Map<string, DrainMark>> {
    const { keys } = await this.#call(() => readKeys(this.#client, this.#prefix));
    return new Map(
      keys.map(({ key, value }) => [key.toString('utf8').slice(this.#prefix.length), parsed(value.toString('utf8'))]),
    );
  }

  /**
   * Resolves with the mark that it takes the place of: of two who set one at once the later holds. Rejects as `all` does, and with
   * ERR_KWIK_INVALID_ARGUMENT for texts of more than 256 characters.
   */
  async set(server: string, mark: DrainMark): Promise<DrainMark | undefined> {
    checkArgument('set', 'server', server, aServer);
    checkArgument('set', 'mark', mark, aMark);
    const put = this.#client.put(`${this.#prefix}${server}`).value(JSON.stringify(mark)).options(within());
    // Where there was none, nothing stands there, whatever the types of etcd3 say.
    const before = (await this.#call(() => put.getPrevious())) as Partial<IKeyValue>;
    return before.value === undefined ? undefined : parsed(before.value.toString());
  }

  /** Resolves with whether there was one. Rejects as `all` does. */
  async clear(server: string): Promise<boolean> {
    checkArgument('clear', 'server', server, aServer);
    const remove = this.#client.delete().key(`${this.#prefix}${server}`).options(within());
    return Number((await this.#call(() => remove.exec())).deleted) > 0;
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
    checkArgument('watch', 'server', server, aServer);
    checkArgument('watch', 'onMark', onMark, call);
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

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await withDeadline(work(), this.#closing.signal);
    } catch (cause) {
      throw etcdError(this.#etcd, cause);
    }
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
        report(tell.onFailure, etcdError(this.#etcd, error));
        tell.onAsked();
        await delay(systemClock(), waitMs, signal);
        waitMs = Math.min(MAX_WAIT_MS, 2 * waitMs);
      }
    }
  }
}

/** What cannot be read is a mark all the same: somebody put it there. */
function parsed(json: string): DrainMark {
  try {
    return shape.parse(JSON.parse(json.slice(0, MAX_MARK_CHARACTERS)));
  } catch {
    return { atMs: 0, by: '', reason: '' };
  }
}
