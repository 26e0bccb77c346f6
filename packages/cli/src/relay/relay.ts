import { persistentResetKey, type Listener, type RelayStats } from '@kwik/session';
import { formatHostPort, parseHostPort } from '../address.js';
import { usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { followCredentials } from '../serve/credential-watch.js';
import { readCredentials } from '../serve/credentials.js';
import { jsonLine, oneLine } from '../ui/text.js';
import { formatBytes } from '../ui/units.js';
import { Health, type Say, Watching, type WatchFlags } from '../watching/watching.js';

export interface RelayCommandOptions extends WatchFlags {
  /** `host:port`; port 0 lets the system choose. */
  readonly listen: string;
  /** `host:port` or `host`. */
  readonly anchor: readonly string[];
  readonly audience: readonly string[];
  readonly forClients: boolean;
  readonly maxBytes?: number;
  readonly maxRate?: number;
  readonly json: boolean;
}

/** Clients find another way within a second or two; what has none goes on for so long. */
const DRAIN_MS = 10_000;

/** `kwik relay`: runs until it is told to stop, and lets its clients find another way before it does. */
export async function runRelay(options: RelayCommandOptions, io: CliIo): Promise<ExitCode> {
  if (options.forClients && options.anchor.length === 0) {
    throw usageError('--for-clients needs --anchor HOST:PORT: else anybody could send through this relay to anywhere');
  }
  const say: Say = (event, line) => print(io, options, event, line);
  const health = new Health();
  const watching = await Watching.open(options, io, say, health);
  try {
    return await forward(options, io, { watching, health });
  } finally {
    await watching.close();
  }
}

async function forward(
  options: RelayCommandOptions,
  io: CliIo,
  { watching, health }: { readonly watching: Watching; readonly health: Health },
): Promise<ExitCode> {
  const credentials = await readCredentials(options);
  const listener = await listenAsRelay(options, io, credentials);
  const { address, port } = listener.address();
  const at = formatHostPort({ host: address, port });
  print(io, options, { event: 'listening', address: at }, `listening on ${at}`);
  watching.announce();
  const stopped = new Promise<string>((resolve) => io.onInterrupt(resolve));
  const accepting = forgetSessions(listener);
  const unfollow = followCredentials(listener, options, {
    say: (event, line) => print(io, options, event, line),
    shown: credentials.credentials,
  });
  const signal = await Promise.race([stopped, accepting.then(() => 'closed')]);
  unfollow();
  health.problem('the relay is stopping');
  // A second signal ends the process.
  await listener.close({ timeoutMs: DRAIN_MS });
  const { relay } = listener.stats();
  print(io, options, { event: 'stopped', signal, ...relay }, `stopped: ${describe(relay)}`);
  return signal === 'closed' ? EXIT.failed : EXIT.ok;
}

async function listenAsRelay(
  options: RelayCommandOptions,
  io: CliIo,
  credentials: Awaited<ReturnType<typeof readCredentials>>,
): Promise<Listener> {
  const { host, port } = parseHostPort(options.listen, { allowZero: true });
  const { anchor, forClients, maxBytes, maxRate } = options;
  const resetKey = await persistentResetKey();
  return io.network.listen({
    host,
    port,
    ...credentials,
    identity: {
      audiences: options.audience.map((audience) => formatHostPort(parseHostPort(audience))),
      ...(resetKey === undefined ? {} : { resetKey }),
    },
    relay: {
      forClients,
      ...(anchor.length > 0 && { anchors: anchor }),
      ...(maxBytes !== undefined && { maxBytes }),
      ...(maxRate !== undefined && { maxBytesPerSecond: maxRate }),
    },
  });
}

/** Nothing is to be done for the sessions of a relay but to forward, which the listener does. */
async function forgetSessions(listener: Listener): Promise<void> {
  const sessions = listener[Symbol.asyncIterator]();
  while ((await sessions.next()).done !== true);
}

function print(io: CliIo, { json }: RelayCommandOptions, event: object, line: string): void {
  io.stdout.print(json ? `${jsonLine(event)}\n` : `${oneLine(line)}\n`);
}

function describe({ forwardedBytes, forwardedDatagrams, dropped }: RelayStats): string {
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  return `${formatBytes(forwardedBytes)} forwarded in ${forwardedDatagrams} datagrams, ${lost} dropped`;
}
