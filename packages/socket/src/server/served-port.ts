import type { ListenOptions } from '@kwik/session';
import { type BindOptions, type BoundPort, listenOn } from '@kwik/session/socket';
import { unwatchFile, watchFile } from 'node:fs';
import type { CheckedListen } from '../arguments/listen-options.js';
import { listenError, systemCodeOf } from '../errors.js';
import { isPem } from '../settings/pem.js';
import { credentialsOf, listenOptionsOf } from '../settings/session-options.js';
import type { KwikSettings } from '../settings/settings.js';
import { watchArrivals } from './arrivals.js';
import type { PortTable, TakenPort } from './port-table.js';

/** Every address, of both families where the system has both. */
const ANY_IPV6 = '::';
const ANY_IPV4 = '0.0.0.0';
/** A server that is closed lets its connections go on for as long as they like. */
const FOREVER_MS = 0x7fff_ffff;
/** When the last of them has ended, its sessions are closed in good order, and that soon. */
const SOON_MS = 1;
const LOOK_AT_FILES_MS = 5000;

export interface ServedPortParts {
  /** To be tried in turn. */
  readonly addresses: readonly (string | undefined)[];
  readonly checked: CheckedListen;
  readonly settings: KwikSettings;
}

type PortListener = Awaited<ReturnType<typeof listenOn>>;

/** A port of a server, from `listen` to the end of the last connection that was made there. */
export class ServedPort {
  readonly #port: BoundPort;
  readonly #options: BindOptions;
  readonly #settings: KwikSettings;
  #listener: PortListener | undefined;
  /** Begins when the server that had the port before listens there no longer. */
  readonly #serving: Promise<PortListener>;
  #left = false;
  #connections = 0;

  private constructor({ port, free }: TakenPort, options: BindOptions, settings: KwikSettings) {
    this.#port = port;
    this.#options = options;
    this.#settings = settings;
    this.#serving = free.then(() => listenOn(port, options));
  }

  /** Throws as `node:net` says that a port cannot be had, and what reading a file throws. */
  static bind(ports: PortTable, { addresses, checked, settings }: ServedPortParts): ServedPort {
    const options = listenOptionsOf(settings);
    const hosts = addresses.flatMap((address) => (address === undefined ? [ANY_IPV6, ANY_IPV4] : [address]));
    let failure: unknown;
    for (const host of hosts) {
      const bindOptions = { ...options, ...bindOptionsOf(options, host, checked) };
      try {
        return new ServedPort(ports.take(bindOptions), bindOptions, settings);
      } catch (error) {
        failure ??= error;
      }
    }
    const code = systemCodeOf(failure);
    throw code === undefined ? failure : listenError(code, { address: hosts[0]!, port: checked.port }, failure);
  }

  get address(): ReturnType<BoundPort['address']> {
    return this.#port.address();
  }

  get connections(): number {
    return this.#connections;
  }

  set connections(count: number) {
    this.#connections = count;
    if (this.#left && count === 0) void this.#listener?.close({ timeoutMs: SOON_MS });
  }

  /** Resolves when clients are let in; rejects when they cannot be. */
  async serve(told: Omit<Parameters<typeof watchArrivals>[1], 'intent'>): Promise<void> {
    const listener = await this.#serving;
    this.#listener = listener;
    void watchArrivals(listener, { ...told, intent: this.#settings.intent });
    if (!this.#left) this.#watchFiles();
  }

  /** Lets nobody in any more. The port is free when the last connection has ended, or when another server takes it over. */
  leave(ports: PortTable): void {
    this.#left = true;
    this.#unwatchFiles();
    const timeoutMs = this.#connections === 0 ? SOON_MS : FOREVER_MS;
    const serving = this.#serving;
    const ended = serving.then((listener) => listener.close({ timeoutMs })).catch(() => undefined);
    ports.leave({ port: this.#port, serving }, this.#options, ended);
  }

  get #files(): readonly string[] {
    const { cert, key } = this.#settings;
    return [cert, key].filter((each) => each !== undefined && !isPem(each)) as string[];
  }

  /** A renewed certificate is shown to whoever comes from then on. */
  #watchFiles(): void {
    for (const file of this.#files) {
      watchFile(file, { interval: LOOK_AT_FILES_MS, persistent: false }, this.#reload);
    }
  }

  #unwatchFiles(): void {
    for (const file of this.#files) unwatchFile(file, this.#reload);
  }

  readonly #reload = (): void => {
    try {
      const credentials = credentialsOf(this.#settings);
      if (credentials !== undefined) this.#listener?.updateCredentials(credentials);
    } catch (error) {
      // Half of a pair may have been written so far: the next change is looked at again.
      process.emitWarning(`kwik: the certificate was not renewed: ${String(error)}`, { code: 'KWIK_CERTIFICATE' });
    }
  };
}

/** Without credentials only this machine is served, as nobody else could tell who it is. */
function bindOptionsOf(options: ListenOptions, host: string, { port, backlog }: CheckedListen): BindOptions {
  const everywhere = host === ANY_IPV6 || host === ANY_IPV4;
  return {
    host,
    port,
    loopbackOnly: options.credentials === undefined && everywhere,
    ...(backlog !== undefined && { limits: { ...options.limits, backlog } }),
  };
}
