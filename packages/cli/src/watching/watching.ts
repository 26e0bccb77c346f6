import { logTlsKeys, processDiagnostics } from '@kwik/session';
import type { AdminAddress } from '@kwik/telemetry';
import { parseHostPort } from '../address.js';
import { usageError } from '../errors.js';
import type { CliIo } from '../io.js';
import { readCredentials, type CredentialFiles } from '../serve/credentials.js';
import { secretValues, shownSettings } from '../support/secrets.js';
import { packageVersion } from '../version.js';

/** Where a token stands that other users of the machine must not see among the arguments. */
const TOKEN_VARIABLE = 'KWIK_ADMIN_TOKEN';

/** Loaded for those who ask for it; commands start twice as fast without. */
const telemetryPackage = () => import('@kwik/telemetry');

/** What operators may ask a command for. */
export interface WatchFlags extends CredentialFiles {
  /** `host:port` of the operator's page; none without it. */
  readonly admin?: string;
  /** A folder for a qlog of each session; none without it. */
  readonly qlog?: string;
  /** A folder for the minute around each failover and violation; none without it. */
  readonly flight?: string;
  /** A file for what the page shows of the last day and month; none without it. */
  readonly history?: string;
  /** A file for the TLS secrets of all connections; none without it, whatever SSLKEYLOGFILE says. */
  readonly keyLog?: string;
}

/** Tells something: as an object for programs, and as a line for people. */
export type Say = (event: object, line: string) => void;

/** What probes are told of a command. */
export class Health {
  #problem: string | undefined;

  get problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** Undefined: all is well again. */
  problem(text: string | undefined): void {
    this.#problem = text;
  }
}

/** The operator's page of the process, and what it writes down of its sessions. */
export class Watching {
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #say: Say;
  #url: string | undefined;

  private constructor(say: Say) {
    this.#say = say;
  }

  /** Rejects when what was asked for cannot be had, before anybody relies on it. `health` says what is wrong, in words. */
  static async open(
    flags: WatchFlags,
    io: Pick<CliIo, 'env'>,
    say: Say,
    health: Health = new Health(),
  ): Promise<Watching> {
    const watching = new Watching(say);
    try {
      if (flags.keyLog !== undefined) watching.#logKeys(flags.keyLog);
      if (flags.qlog !== undefined) await watching.#writeQlog(flags.qlog);
      if (flags.flight !== undefined) await watching.#writeFlights(flags.flight);
      checkHistory(flags);
      if (flags.admin !== undefined) await watching.#serveAdmin(flags.admin, flags, { io, health });
      return watching;
    } catch (error) {
      await watching.close();
      throw error;
    }
  }

  /** Says where the page is; for when it is said where the command listens. */
  announce(): void {
    if (this.#url !== undefined) this.#say({ event: 'admin', url: this.#url }, `operators: ${this.#url}`);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  #logKeys(file: string): void {
    const end = logTlsKeys(file);
    this.#closers.push(() => {
      end();
      return Promise.resolve();
    });
  }

  async #writeQlog(folder: string): Promise<void> {
    const { QlogFolder } = await telemetryPackage();
    const qlog = await QlogFolder.open({
      folder,
      counters: processDiagnostics().counters,
      onFault: ({ message }) => this.#say({ event: 'qlog-failed', message }, `no qlog: ${message}`),
    });
    this.#closers.push(() => qlog.close());
  }

  async #writeFlights(folder: string): Promise<void> {
    const { FlightFolder } = await telemetryPackage();
    const flights = await FlightFolder.open({
      folder,
      counters: processDiagnostics().counters,
      onFault: ({ message }) => this.#say({ event: 'flight-failed', message }, `no flight recording: ${message}`),
    });
    this.#closers.push(() => flights.close());
  }

  async #serveAdmin(
    address: string,
    flags: WatchFlags,
    { io, health }: { readonly io: Pick<CliIo, 'env'>; readonly health: Health },
  ): Promise<void> {
    const at = await adminAddress(address, flags, io);
    const { Telemetry } = await telemetryPackage();
    const telemetry = new Telemetry({
      counters: processDiagnostics().counters,
      onAlert: ({ change, alert: { title, now } }) =>
        this.#say({ event: `alert-${change}`, title, now }, `alert ${change}: ${title} (${now})`),
    });
    this.#closers.push(async () => {
      await telemetry.history.close();
      telemetry[Symbol.dispose]();
    });
    if (flags.history !== undefined) {
      await telemetry.history.keep(flags.history, ({ message }) =>
        this.#say({ event: 'history-failed', message }, `history: ${message}`),
      );
    }
    const admin = await telemetry.admin(
      at,
      () => health.problems,
      () => aboutProcess(flags, io.env),
    );
    this.#closers.push(() => admin.close());
    this.#url = admin.url;
  }
}

/** Throws a usage error. */
export function checkHistory({ admin, history }: Pick<WatchFlags, 'admin' | 'history'>): void {
  if (history === undefined || admin !== undefined) return;
  throw usageError('--history is shown by the page of --admin; name that, too');
}

/** Where the page is, and who may see it. */
export async function adminAddress(
  address: string,
  flags: CredentialFiles,
  io: Pick<CliIo, 'env'>,
): Promise<AdminAddress> {
  const { host, port } = parseHostPort(address, { allowZero: true });
  // On this machine a probe asks by the port alone, whatever name the certificate is for.
  const credentials = isHere(host) ? undefined : (await readCredentials(flags)).credentials;
  const token = io.env[TOKEN_VARIABLE];
  return {
    host,
    port,
    ...(credentials !== undefined && { tls: credentials }),
    ...(token !== undefined && { token }),
  };
}

function isHere(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/u.test(host);
}

/** What was started, and how, without secrets. */
export function aboutProcess(flags: object, env: CliIo['env']): object {
  const known = secretValues(env);
  return {
    kwik: packageVersion(),
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    memory: process.memoryUsage(),
    options: shownSettings(flags, known),
    // Which of our own variables are set tells much; what they hold is shown where it is no secret.
    environment: shownSettings(ownVariables(env), known),
  };
}

function ownVariables(env: CliIo['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('KWIK_')));
}
