import { usageError } from '../errors.js';

/** As the command line gives them. */
export interface DemoOptions {
  /** Size of the file. */
  readonly bytes: number;
  /** Mbit/s, one per server; the first is the primary's. */
  readonly rates: readonly number[];
  readonly seed: number;
  readonly kill: boolean;
  readonly json: boolean;
}

export interface DemoServer {
  readonly name: string;
  readonly rateBitsPerSecond: number;
  readonly primary: boolean;
  /** Killed in mid-transfer. */
  readonly victim: boolean;
}

const MIN_BYTES = 1_000_000;
const MAX_BYTES = 2_000_000_000;
const MAX_SERVERS = 8;
const MAX_RATE_MBPS = 1000;
/** The comparison takes this share of the file, so that it takes less time than the file itself. */
export const SAMPLE_SHARE = 0.25;

export function planDemo(options: DemoOptions): DemoServer[] {
  const { rates, bytes } = options;
  if (rates.length < 2 || rates.length > MAX_SERVERS) {
    throw usageError(`--rates takes 2 to ${MAX_SERVERS} rates, one per server, such as 20,10,5`);
  }
  const wrong = rates.find((rate) => !(rate > 0 && rate <= MAX_RATE_MBPS));
  if (wrong !== undefined) throw usageError(`--rates: ${wrong} is not above 0 and up to ${MAX_RATE_MBPS} Mbit/s`);
  if (bytes < MIN_BYTES || bytes > MAX_BYTES) throw usageError('--bytes takes 1MB to 2GB');
  return rates.map((rate, index) => ({
    name: `server ${index + 1} (${rate} Mbit/s)`,
    rateBitsPerSecond: rate * 1e6,
    primary: index === 0,
    victim: options.kill && index === 1,
  }));
}

/** The fastest one: what a client without KWIK would use at best. */
export function bestServer(servers: readonly DemoServer[]): number {
  return servers.reduce(
    (best, server, index) => (server.rateBitsPerSecond > servers[best]!.rateBitsPerSecond ? index : best),
    0,
  );
}
