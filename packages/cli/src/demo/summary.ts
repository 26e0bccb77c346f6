import { transferResult } from '../get/result.js';
import type { ServerTotal } from '../progress/server-totals.js';
import type { TransferState } from '../progress/transfer-meter.js';
import { formatBytes, formatPercent, formatRate, formatSeconds, rounded, toMbps } from '../ui/units.js';
import type { DemoServer } from './plan.js';

export interface DemoOutcome {
  readonly plan: readonly DemoServer[];
  /** Number of the server that was measured alone. */
  readonly best: number;
  readonly alone: TransferState;
  readonly together: TransferState;
  readonly servers: readonly (ServerTotal & { readonly index: number })[];
  /** Of the file as it was made, and as it arrived. */
  readonly expectedSha256: string;
  readonly sha256: string;
  /** When the victim was killed, milliseconds from the start of the transfer. */
  readonly killedAtMs: number | undefined;
}

export function isWhole({ expectedSha256, sha256 }: DemoOutcome): boolean {
  return expectedSha256 === sha256;
}

export function speedup({ alone, together }: DemoOutcome): number {
  return rateOf(together) / Math.max(rateOf(alone), 1);
}

/** The end of the demo in words, `ok` and `bad` being marks of the terminal's. */
export function describeOutcome(outcome: DemoOutcome, ok: string, bad: string): string[] {
  const { plan, best, alone, together, servers, killedAtMs } = outcome;
  const whole = isWhole(outcome);
  const shares = servers.map(({ index, server, share, state }) => {
    const name = plan[index]?.name ?? server;
    return `  ${name.padEnd(24)} ${formatPercent(share).padStart(5)}${state === 'dead' ? '  killed' : ''}`;
  });
  return [
    whole
      ? `${ok}the file is whole: SHA-256 ${outcome.sha256}`
      : `${bad}the file differs: SHA-256 ${outcome.sha256}, it should be ${outcome.expectedSha256}`,
    '',
    `together           ${formatRate(rateOf(together))}  (${formatBytes(together.receivedBytes)} in ${formatSeconds(together.contentMs)})`,
    `best server alone  ${formatRate(rateOf(alone))}  (${plan[best]?.name ?? ''})`,
    `speed              ${speedup(outcome).toFixed(2)} times the best server alone`,
    `longest gap        ${Math.round(together.maxGapMs)} ms in the byte stream${killedAtMs === undefined ? '' : `; server 2 was killed at ${formatSeconds(killedAtMs)}`}`,
    'shares',
    ...shares,
  ];
}

/** The members of `kwik get --json`, and what the demo adds. */
export function demoResult(outcome: DemoOutcome): object {
  return {
    ...transferResult(outcome.together, outcome.servers, outcome.sha256),
    whole: isWhole(outcome),
    bestAlone: {
      server: outcome.plan[outcome.best]?.name ?? '',
      goodputMbps: rounded(toMbps(rateOf(outcome.alone)), 3),
    },
    speedup: rounded(speedup(outcome), 3),
    killedAtSeconds: outcome.killedAtMs === undefined ? null : rounded(outcome.killedAtMs / 1000, 3),
  };
}

/**
 * Bytes per second while content came. Connecting is left out: it would weigh more in the comparison, which is shorter
 * and the first thing that this process does, than in the transfer that is compared with it.
 */
function rateOf({ receivedBytes, contentMs }: TransferState): number {
  return contentMs > 0 ? (receivedBytes * 1000) / contentMs : 0;
}
