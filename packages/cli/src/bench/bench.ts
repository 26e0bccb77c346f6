import type { ClientTrust, DialOptions, Session } from '@kwik/session';
import { KwikError, type AccessControl } from '@kwik/wire';
import { parseKwikUrl } from '../address.js';
import { settled } from '../diagnose/examine.js';
import { reportError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { explainDialError } from '../get/connect.js';
import { addServers, listRemote } from '../get/remote.js';
import type { CliIo } from '../io.js';
import { readTrust, type TrustFiles } from '../trust-files.js';
import { jsonLine, oneLine } from '../ui/text.js';
import { styleFor } from '../ui/style.js';
import { formatBytes } from '../ui/units.js';
import { benchLines, benchObject, type AloneReport, type BenchReport } from './bench-view.js';
import { readFor, type Reading, type ReadOptions } from './read-for.js';

/** As the command line gives them. */
export interface BenchOptions extends TrustFiles {
  readonly server: readonly string[];
  /** For all paths together, and for each server alone. */
  readonly seconds: number;
  readonly maxBytes: number;
  readonly timeout: number;
  /** Whether each server is measured alone, too. */
  readonly alone: boolean;
  readonly json: boolean;
}

/** Measured one after the other, each for as long as all together. */
const MAX_ALONE = 8;
/** The primary brings no other server into a session that measures it alone. */
const NOBODY_ELSE: AccessControl = {
  decide: ({ action }) =>
    action === 'dial'
      ? { allowed: false, rule: 'alone', reason: 'this session measures one server alone' }
      : { allowed: true, rule: 'alone', limits: {} },
};

/** `kwik bench`: 0 when all was measured, 1 when the reading broke off, 4 when the server cannot be reached. */
export async function runBench(target: string, options: BenchOptions, io: CliIo): Promise<ExitCode> {
  const stopped = new AbortController();
  const release = io.onInterrupt(() => stopped.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted')));
  try {
    const report = await new Bench(target, options, io, await readTrust(options), stopped.signal).run();
    if (options.json) io.stdout.print(`${jsonLine(benchObject(report))}\n`);
    else io.stdout.print(`${benchLines(report, styleFor(io.stdout, io.env), io.stdout.columns()).join('\n')}\n`);
    return EXIT.ok;
  } finally {
    release();
  }
}

class Bench {
  readonly #server: string;
  readonly #options: BenchOptions;
  readonly #io: CliIo;
  readonly #trust: ClientTrust | undefined;
  readonly #signal: AbortSignal;
  #path: string;

  constructor(target: string, options: BenchOptions, io: CliIo, trust: ClientTrust | undefined, signal: AbortSignal) {
    const isUrl = /^[a-z][a-z+.-]*:\/\//iu.test(target) || /^kwik:/iu.test(target);
    const { server, path } = parseKwikUrl(isUrl ? target : `kwik://${target}`);
    this.#server = server;
    this.#path = path;
    this.#options = options;
    this.#io = io;
    this.#trust = trust;
    this.#signal = signal;
  }

  async run(): Promise<BenchReport> {
    const together = await this.#withSession(this.#server, {}, async (session, connectMs) => {
      if (this.#path === '') this.#path = await this.#largestFile(session);
      await this.#addServers(session);
      await settled(session, connectMs, this.#io, this.#signal);
      return this.#read(session, 'all paths together');
    });
    const alone: AloneReport[] = [];
    const addresses = [...new Set(together.paths.map(({ path }) => path.address))];
    if (this.#options.alone && addresses.length > 1) {
      for (const address of addresses.slice(0, MAX_ALONE)) alone.push(await this.#alone(address));
    }
    return { server: this.#server, path: this.#path, together, alone };
  }

  async #alone(address: string): Promise<AloneReport> {
    try {
      const only: DialOptions = { guard: { access: NOBODY_ELSE } };
      const reading = await this.#withSession(address, only, (session) => this.#read(session, `${address} alone`));
      return { address, reading };
    } catch (error) {
      this.#signal.throwIfAborted();
      return { address, problem: reportError(error).message };
    }
  }

  #read(session: Session, what: string): Promise<Reading> {
    const { seconds, maxBytes, timeout } = this.#options;
    if (!this.#options.json) this.#io.stderr.print(`kwik: ${oneLine(`reading ${this.#path}, ${what}`)}\n`);
    const reading: ReadOptions = {
      path: this.#path,
      durationMs: seconds * 1000,
      maxBytes,
      timeoutMs: timeout * 1000,
      signal: this.#signal,
      now: () => this.#io.now(),
    };
    return readFor(session, reading);
  }

  async #largestFile(session: Session): Promise<string> {
    const { entries } = await listRemote(session, '', {
      signal: this.#signal,
      timeoutMs: this.#options.timeout * 1000,
      now: () => this.#io.now(),
    });
    const largest = entries.reduce<(typeof entries)[number] | undefined>(
      (most, entry) => (most === undefined || entry.size > most.size ? entry : most),
      undefined,
    );
    if (largest !== undefined && largest.size > 0) {
      if (!this.#options.json) {
        this.#io.stderr.print(
          `kwik: ${oneLine(`the largest file of the server is ${largest.path} (${formatBytes(largest.size)})`)}\n`,
        );
      }
      return largest.path;
    }
    const text = `${this.#server} lists no file with anything in it; name one: kwik bench kwik://${this.#server}/FILE`;
    throw new KwikError('ERR_KWIK_SOURCE_NOT_FOUND', text);
  }

  async #addServers(session: Session): Promise<void> {
    const { server } = this.#options;
    if (server.length === 0) return;
    const { refused } = await addServers(session, server, this.#signal);
    for (const { server: other, reason } of refused) {
      this.#io.stderr.print(`kwik: ${oneLine(`${other} is not used: ${reason}`)}\n`);
    }
  }

  async #withSession<T>(
    server: string,
    own: DialOptions,
    work: (session: Session, connectMs: number) => Promise<T>,
  ): Promise<T> {
    const startedMs = this.#io.now();
    const session = await this.#io.network
      .dial(server, {
        signal: this.#signal,
        timeouts: { dialMs: this.#options.timeout * 1000 },
        ...(this.#trust !== undefined && { trust: this.#trust }),
        ...own,
      })
      .catch((error: unknown) => {
        this.#signal.throwIfAborted();
        throw explainDialError(server, error);
      });
    try {
      return await work(session, this.#io.now() - startedMs);
    } finally {
      await session.close(0, '', { timeoutMs: 0 }).catch(() => undefined);
    }
  }
}
