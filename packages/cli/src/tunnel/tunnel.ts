import type { ClientTrust, Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { abortable } from '../abortable.js';
import { formatHostPort, type HostPort, parseHostPort } from '../address.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { explainDialError } from '../get/connect.js';
import type { CliIo } from '../io.js';
import { readPem } from '../serve/credentials.js';
import { oneLine } from '../ui/text.js';
import { type ForwardSpec, nameOfTarget, parseForward } from './forward-spec.js';
import { fixedTarget } from './greetings/fixed.js';
import { HTTP_CONNECT } from './greetings/http-connect.js';
import { SOCKS5 } from './greetings/socks5.js';
import { type Greeting, LocalListener } from './local-listener.js';
import { connectThrough, type RemoteConnection } from './remote-connection.js';
import { RemoteListeners } from './remote-listener.js';
import { splice } from './splice.js';
import { StdioEnd } from './stdio-end.js';
import { TunnelLink } from './tunnel-link.js';

/** As the command line gives them. */
export interface TunnelOptions {
  readonly local: readonly string[];
  readonly remote: readonly string[];
  readonly socks5?: string;
  readonly httpConnect?: string;
  readonly stdio?: string;
  readonly ca?: string;
  readonly pin: readonly string[];
  readonly quiet: boolean;
}

const DIAL_TIMEOUT_MS = 10_000;
/** A server that is gone for longer is dialled anew; until then its connections stay. */
const RECOVERY_MS = 60_000;

/** `kwik tunnel`: runs until it is told to stop, or with `--stdio` until the connection has ended. */
export async function runTunnel(server: string, options: TunnelOptions, io: CliIo): Promise<ExitCode> {
  const plan = planTunnel(options);
  const trust = await readTrust(options);
  const stopped = new AbortController();
  const stopListening = io.onInterrupt(() => stopped.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted')));
  const run = new TunnelRun({ server, plan, trust, io, quiet: options.quiet, signal: stopped.signal });
  try {
    await run.run();
    return EXIT.ok;
  } catch (error) {
    if (stopped.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    stopListening();
    await run.close();
  }
}

interface TunnelPlan {
  readonly listeners: readonly { readonly what: string; readonly listen: HostPort; readonly greeting: Greeting }[];
  readonly remote: readonly ForwardSpec[];
  readonly stdio: HostPort | undefined;
}

function planTunnel({ local, remote, socks5, httpConnect, stdio }: TunnelOptions): TunnelPlan {
  const listeners = local.map(parseForward).map(({ listen, target }) => ({
    what: nameOfTarget(target),
    listen,
    greeting: fixedTarget(target),
  }));
  const proxies = [
    { what: 'SOCKS 5', listen: socks5, greeting: SOCKS5 },
    { what: 'HTTP CONNECT', listen: httpConnect, greeting: HTTP_CONNECT },
  ].flatMap(({ listen, ...proxy }) =>
    listen === undefined ? [] : [{ ...proxy, listen: parseHostPort(listen, { allowZero: true }) }],
  );
  const plan = {
    listeners: [...listeners, ...proxies],
    remote: remote.map(parseForward),
    stdio: stdio === undefined ? undefined : parseHostPort(stdio),
  };
  const others = plan.listeners.length + plan.remote.length;
  if (plan.stdio !== undefined && others > 0) throw usageError('--stdio goes with nothing else: it is one connection');
  if (plan.stdio === undefined && others === 0) {
    throw usageError('nothing to carry: give -L, -R, --socks5, --http-connect or --stdio');
  }
  return plan;
}

async function readTrust({ ca, pin }: TunnelOptions): Promise<ClientTrust | undefined> {
  if (ca === undefined && pin.length === 0) return undefined;
  return { ...(ca !== undefined && { ca: await readPem('--ca', ca) }), ...(pin.length > 0 && { pins: pin }) };
}

interface TunnelRunParts {
  readonly server: string;
  readonly plan: TunnelPlan;
  readonly trust: ClientTrust | undefined;
  readonly io: CliIo;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

class TunnelRun {
  readonly #parts: TunnelRunParts;
  readonly #listeners: LocalListener[] = [];
  #link: TunnelLink | undefined;

  constructor(parts: TunnelRunParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { plan, io, signal } = this.#parts;
    const remote = new RemoteListeners(plan.remote, (line) => this.#say(line), signal);
    const link = await TunnelLink.open({
      dial: (until) => this.#dial(until),
      onSession: async (session) => {
        for (const [index, address] of (await remote.open(session)).entries()) {
          io.stdout.print(`${address} at the server leads to ${nameOfTarget(plan.remote[index]!.target)}\n`);
        }
      },
      say: (line) => this.#say(line),
      signal,
    });
    this.#link = link;
    if (plan.stdio !== undefined) {
      await this.#carryStdio(link, plan.stdio);
      return;
    }
    await this.#listen(link);
    await link.keep();
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    await this.#link?.close();
  }

  async #dial(signal: AbortSignal): Promise<Session> {
    const { server, trust, io } = this.#parts;
    const address = formatHostPort(parseHostPort(server));
    try {
      return await io.network.dial(address, {
        signal,
        timeouts: { dialMs: DIAL_TIMEOUT_MS, recoveryMs: RECOVERY_MS },
        ...(trust !== undefined && { trust }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw explainDialError(address, error);
    }
  }

  async #listen(link: TunnelLink): Promise<void> {
    const { plan, io } = this.#parts;
    for (const { what, listen, greeting } of plan.listeners) {
      const listener = await LocalListener.open({
        listen,
        greeting,
        connect: (target, signal) => this.#connect(link, target, signal),
        say: (line) => this.#say(line),
      });
      this.#listeners.push(listener);
      io.stdout.print(`listening on ${listener.address} for ${what}\n`);
    }
  }

  async #connect(link: TunnelLink, target: HostPort, signal: AbortSignal): Promise<RemoteConnection> {
    return connectThrough(await link.session(signal), target, signal);
  }

  async #carryStdio(link: TunnelLink, target: HostPort): Promise<void> {
    const { io, signal } = this.#parts;
    const { stream, reader } = await this.#connect(link, target, signal);
    const end = new StdioEnd(io);
    // When the server has ended, nobody reads what standard input may still bring.
    const failure = await abortable(Promise.race([splice(end, stream, reader), end.ended]), signal);
    if (failure !== undefined) throw failure;
  }

  #say(line: string): void {
    const { io, quiet } = this.#parts;
    if (!quiet) io.stderr.print(`kwik: ${oneLine(line)}\n`);
  }
}
