import { errorToDetail, type KcpBody } from '@kwik/kcp';
import { KwikError, toPathId, toStreamId, type proto } from '@kwik/wire';
import type { OffsetRange } from '../core/range-set.js';
import type { StreamDirectory } from '../runtime/streams/stream-directory.js';

/** What the client answers to a primary that lets a secondary write into a stream. */
export function answerGrant(streams: StreamDirectory, grant: proto.ContributionGrant): KcpBody {
  const { streamId, pathId, ranges } = grant;
  try {
    streams.grant(toStreamId(streamId), toPathId(pathId), ranges.map(toOffsetRange));
    return { $case: 'contributionGrantResult', value: { streamId, pathId } };
  } catch (error) {
    return { $case: 'error', value: errorToDetail(KwikError.from(error)) };
  }
}

function toOffsetRange({ offset, length }: proto.ContributionRange): OffsetRange {
  if (offset + length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${length} bytes from ${offset} on reach beyond 2^53-1`);
  }
  return { start: Number(offset), end: Number(offset + length) };
}
