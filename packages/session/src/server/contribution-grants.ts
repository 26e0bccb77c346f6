import { CONTROL_LIMITS, KwikError, toPathId, toStreamId, type ErrorCode } from '@kwik/wire';
import type { ContributionRange } from '../api/session.js';
import type { OffsetRange } from '../core/range-set.js';
import type { SendHalf } from '../core/streams/send-half.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { requireClient } from './client-path.js';

const GRANT_TIMEOUT_MS = 10_000;

/** The client has said that it did not take the grant. After other errors it may have, and the bytes stay another's. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_KWIK_PERMISSION_DENIED',
  'ERR_KWIK_INVALID_ARGUMENT',
  'ERR_KWIK_LIMIT_EXCEEDED',
  'ERR_KWIK_STREAM_CLOSED',
  'ERR_KWIK_PATH_NOT_FOUND',
]);

export interface Grant {
  readonly pathId: number;
  readonly streamId: bigint;
  readonly ranges: readonly ContributionRange[];
}

/** Tells the client which bytes another server writes, and resolves when it knows. */
export async function grantContribution(session: SessionContext, grant: Grant): Promise<void> {
  const client = requireClient(session);
  const { streamId } = grant;
  const send = session.streams.get(toStreamId(streamId))?.send;
  if (send === undefined) {
    throw new KwikError('ERR_KWIK_STREAM_CLOSED', `this server writes no stream ${streamId}: it is over, or never was`);
  }
  const asked: Promise<void>[] = [];
  const { contributionRanges: most } = CONTROL_LIMITS;
  for (let from = 0; from < grant.ranges.length; from += most) {
    asked.push(grantSome(client, send, { ...grant, ranges: grant.ranges.slice(from, from + most) }));
  }
  await Promise.all(asked);
}

async function grantSome(client: PathRuntime, send: SendHalf, { pathId, streamId, ranges }: Grant): Promise<void> {
  const fresh = send.delegate(ranges.map(toOffsetRange));
  const value = { streamId, pathId: toPathId(pathId), ranges: [...ranges] };
  try {
    await client.request('contributionGrant', value, GRANT_TIMEOUT_MS);
  } catch (error) {
    if (error instanceof KwikError && REFUSALS.has(error.code)) send.takeBack(fresh);
    throw error;
  }
}

function toOffsetRange({ offset, length }: ContributionRange): OffsetRange {
  if (offset < 0n || length < 1n || offset + length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `${length} bytes from offset ${offset} on are no part of a stream`,
    );
  }
  return { start: Number(offset), end: Number(offset + length) };
}
