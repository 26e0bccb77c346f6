import type { ClientTrust, Leaving, Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { abortable } from '../abortable.js';
import { formatHostPort, type HostPort, parseHostPort, parseServer } from '../address.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { explainDialError } from '../get/connect.js';
import type { CliIo } from '../io.js';
import { UdpSessions } from '../protocol/udp-flows.js';
import { readTrust, type TrustFiles } from '../trust-files.js';
import { jsonLine, oneLine } from '../ui/text.js';
import { Health, Watching, type WatchFlags } from '../watching/watching.js';
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
import { UdpListener } from './udp-listener.js';

/** As the command line gives them. */
export interface TunnelOptions
  extends TrustFiles,
    Pick<WatchFlags, 'admin' | 'history' | 'qlog' | 'flight' | 'keyLog'> {
  readonly local: readonly string[];
  readonly remote: readonly string[];
  readonly udp: readonly string[];
  readonly socks5?: string;
  readonly httpConnect?: string;
  readonly stdio?: string;
  readonly relay: readonly string[];
  readonly quiet: boolean;
  readonly json: boolean;
}

const DIAL_TIMEOUT_MS = 10_000;
/** A server that is gone for longer is dialled anew; until then its connections stay. */
const RECOVERY_MS = 60_000;

/** `kwik tunnel`: runs until it is told to stop, or with `--stdio` until the connection has ended. */
export async function runTunnel(server: string, options: TunnelOptions, io: CliIo): Promise<ExitCode> {
  const plan = planTunnel(options);
  const trust = await readTrust(options);
  const stopped = new AbortController();
  const stop = (): void => stopped.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted'));
  const stopListening = io.onInterrupt(stop);
  // By this ssh ends its ProxyCommand; whoever dies of it keeps the server's connection open until it is missed.
  const stopHearing = plan.stdio === undefined ? undefined : io.onHangup(stop);
  const health = new Health();
  const { quiet, json } = options;
  const print = (event: object, line: string): void => {
    io.stdout.print(json ? `${jsonLine(event)}\n` : `${line}\n`);
  };
  const say = (line: string, event: object = { event: 'notice', message: line }): void => {
    if (json) print(event, line);
    else if (!quiet) io.stderr.print(`kwik: ${oneLine(line)}\n`);
  };
  const watching = await Watching.open(options, io, (event, line) => say(line, event), health);
  const run = new TunnelRun({
    ...{ server, plan, trust, io, signal: stopped.signal },
    ...{ relays: options.relay, print, say, health },
  });
  try {
    watching.announce();
    await run.run();
    return EXIT.ok;
  } catch (error) {
    if (stopped.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    stopListening();
    stopHearing?.();
    await run.close();
    await watching.close();
  }
}

interface TunnelPlan {
  readonly listeners: readonly { readonly what: string; readonly listen: HostPort; readonly greeting: Greeting }[];
  readonly remote: readonly ForwardSpec[];
  readonly udp: readonly ForwardSpec[];
  readonly stdio: HostPort | undefined;
}

function planTunnel({ local, remote, udp, socks5, httpConnect, stdio, json }: TunnelOptions): TunnelPlan {
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
    udp: udp.map(parseForward),
    stdio: stdio === undefined ? undefined : parseHostPort(stdio),
  };
  const others = plan.listeners.length + plan.remote.length + plan.udp.length;
  if (plan.stdio !== undefined && others > 0) throw usageError('--stdio goes with nothing else: it is one connection');
  if (plan.stdio !== undefined && json)
    throw usageError('--stdio takes standard output, on which --json prints events');
  if (plan.stdio === undefined && others === 0) {
    throw usageError('nothing to carry: give -L, -R, -U, --socks5, --http-connect or --stdio');
  }
  return plan;
}

/** As far as the client trusts the server that named it. */
function trustIn({ serverName, namedBy }: Leaving, trust: ClientTrust | undefined): ClientTrust {
  return { ...trust, serverName, namedBy };
}

interface TunnelRunParts {
  readonly server: string;
  readonly plan: TunnelPlan;
  readonly trust: ClientTrust | undefined;
  /** `host:port`. */
  readonly relays: readonly string[];
  readonly io: CliIo;
  /** What programs wait for, as an object or a line. */
  readonly print: (event: object, line: string) => void;
  readonly say: (line: string) => void;
  readonly health: Health;
  readonly signal: AbortSignal;
}

class TunnelRun {
  readonly #parts: TunnelRunParts;
  readonly #listeners: { close(): void }[] = [];
  #link: TunnelLink | undefined;

  constructor(parts: TunnelRunParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { server, plan, signal, health } = this.#parts;
    health.problem(`there is no session with ${server}`);
    const remote = new RemoteListeners(plan.remote, (line) => this.#parts.say(line), signal);
    const link = await TunnelLink.open({
      dial: (until, leaving) => this.#dial(until, leaving),
      onSession: async (session) => {
        for (const [index, address] of (await remote.open(session)).entries()) {
          const target = nameOfTarget(plan.remote[index]!.target);
          const line = `${address} at the server leads to ${target}`;
          this.#parts.print({ event: 'listening-there', address, target }, line);
        }
      },
      onStanding: (stands) => health.problem(stands ? undefined : `there is no session with ${server}`),
      say: (line) => this.#parts.say(line),
      signal,
    });
    this.#link = link;
    if (plan.stdio !== undefined) {
      await this.#carryStdio(link, plan.stdio);
      return;
    }
    await this.#listen(link);
    await this.#listenUdp(link);
    await link.keep();
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    await this.#link?.close();
  }

  async #dial(signal: AbortSignal, leaving?: Leaving): Promise<Session> {
    const { server, relays, io } = this.#parts;
    const address = leaving?.address ?? formatHostPort(parseServer(server));
    const trust = leaving === undefined ? this.#parts.trust : trustIn(leaving, this.#parts.trust);
    try {
      return await io.network.dial(address, {
        signal,
        timeouts: { dialMs: DIAL_TIMEOUT_MS, recoveryMs: RECOVERY_MS },
        paths: { relays: relays.map((relay) => ({ address: relay })) },
        ...(trust !== undefined && { trust }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw explainDialError(address, error);
    }
  }

  async #listen(link: TunnelLink): Promise<void> {
    const { plan } = this.#parts;
    for (const { what, listen, greeting } of plan.listeners) {
      const listener = await LocalListener.open({
        listen,
        greeting,
        connect: (target, signal) => this.#connect(link, target, signal),
        say: (line) => this.#parts.say(line),
      });
      this.#listeners.push(listener);
      const { address } = listener;
      this.#parts.print({ event: 'listening', address, for: what }, `listening on ${address} for ${what}`);
    }
  }

  async #listenUdp(link: TunnelLink): Promise<void> {
    const udp = new UdpSessions();
    for (const { listen, target } of this.#parts.plan.udp) {
      const listener = await UdpListener.open({
        listen,
        target,
        udp,
        session: (signal) => link.session(signal),
        say: (line) => this.#parts.say(line),
      });
      this.#listeners.push(listener);
      const [{ address }, what] = [listener, `${nameOfTarget(target)} (UDP)`];
      this.#parts.print({ event: 'listening', address, for: what }, `listening on ${address} for ${what}`);
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
}
