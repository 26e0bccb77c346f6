import { KwikError, type Clock } from '@kwik/wire';
import type { PathPing, PingOptions } from '../../api/path-pings.js';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { Feature } from './feature.js';

const TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 60_000;
const MAX_PADDING_BYTES = 1_024;

/** Says that this end lives, and what time it is here, to whoever asks. */
export function ping(wallClockMs: () => number): Feature {
  return {
    handlers: {
      ping: (_path, { sequence }) => {
        return { $case: 'pong', value: { sequence, clockMs: BigInt(Math.max(0, Math.floor(wallClockMs()))) } };
      },
    },
  };
}

/** Asks the other end of a path. Rejects as `pingPath` of a session does. */
export async function pingPath(
  path: Pick<PathRuntime, 'request'>,
  { clock, wallClockMs }: { readonly clock: Clock; readonly wallClockMs: () => number },
  { timeoutMs = TIMEOUT_MS, paddingBytes = 0 }: PingOptions = {},
): Promise<PathPing> {
  if (!(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `timeoutMs is ${timeoutMs}; it takes 1 to ${MAX_TIMEOUT_MS}`);
  }
  if (!(Number.isInteger(paddingBytes) && paddingBytes >= 0 && paddingBytes <= MAX_PADDING_BYTES)) {
    const text = `paddingBytes is ${paddingBytes}; it takes a whole number from 0 to ${MAX_PADDING_BYTES}`;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  const askedMs = clock.now();
  const { value } = await path.request('ping', { sequence: 0n, padding: new Uint8Array(paddingBytes) }, timeoutMs);
  const rttMs = clock.now() - askedMs;
  const clockMs = Number(value.clockMs);
  return { rttMs, clockAheadMs: clockMs === 0 ? undefined : clockMs - (wallClockMs() - rttMs / 2) };
}
