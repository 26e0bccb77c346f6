import type { ServerTotal } from '../progress/server-totals.js';
import type { TransferState } from '../progress/transfer-meter.js';
import { reportError } from '../errors.js';
import { oneLine } from '../ui/text.js';
import { rounded, toMbps } from '../ui/units.js';
import type { Batch } from './batch.js';

/** A server's part in the transfer, as `--json` prints it. */
interface PathResult {
  readonly server: string;
  readonly bytes: number;
  /** Of all bytes, 0 to 1. */
  readonly share: number;
  readonly rttMs: number;
  readonly lostPackets: number;
  readonly state: string;
  /** Why it is in this state, when the session says so: what killed a dead path, for example. */
  readonly reason?: string;
}

/** What `--json` prints, once, at the end. */
export interface TransferResult {
  /** Content bytes that were received in this run. */
  readonly bytes: number;
  readonly seconds: number;
  readonly goodputMbps: number;
  /** Of the whole file; null with several files, or without success. */
  readonly sha256: string | null;
  /** The longest wait between two pieces of content. */
  readonly maxGapMs: number;
  readonly paths: readonly PathResult[];
}

export function transferResult(
  transfer: TransferState,
  servers: readonly ServerTotal[],
  sha256: string | null,
): TransferResult {
  const seconds = transfer.elapsedMs / 1000;
  return {
    bytes: transfer.receivedBytes,
    seconds: rounded(seconds, 3),
    goodputMbps: seconds > 0 ? rounded(toMbps(transfer.receivedBytes / seconds), 3) : 0,
    sha256,
    maxGapMs: rounded(transfer.maxGapMs, 1),
    paths: servers.map(pathResult),
  };
}

function pathResult({ server, bytes, share, rttMs, lostPackets, state, reason }: ServerTotal): PathResult {
  const path = { server, bytes, share: rounded(share, 4), rttMs: rounded(rttMs, 3), lostPackets, state };
  return reason === undefined ? path : { ...path, reason: oneLine(reason) };
}

/** Members of the result that depend on whether one file was asked for or several. */
export function filesResult(batch: Batch, skipped: number): object {
  const only = batch.total === 1 && skipped === 0 ? batch.finished[0] : undefined;
  if (only !== undefined) return { file: only.job.target ?? '-', size: only.size, resumedFrom: only.offset };
  if (batch.total === 1 && skipped === 0) return {};
  return {
    files: { total: batch.total + skipped, done: batch.finished.length, skipped, failed: batch.failed.length },
    failures: batch.failed.map(({ job, error }) => {
      const { code, message } = reportError(error);
      return { path: job.path, code, message };
    }),
  };
}

export function errorResult(error: unknown): { readonly error: { readonly code: string; readonly message: string } } {
  const { code, message } = reportError(error);
  return { error: { code, message } };
}
