import { KwikError, toPathId, toStreamId, type proto } from '@kwik/wire';
import type { OffsetRange } from '../core/range-set.js';
import { failure } from '../runtime/features/control-dispatch.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';

/** The primary says which server writes which bytes of a stream, and is answered before it tells that server. */
export function contributionGrants({ streams }: Pick<SessionContext, 'streams'>): Feature {
  return {
    handlers: {
      contributionGrant: (_primary, { streamId, pathId, ranges }) => {
        try {
          streams.grant(toStreamId(streamId), toPathId(pathId), ranges.map(toOffsetRange));
          return { $case: 'contributionGrantResult', value: { streamId, pathId } };
        } catch (error) {
          return failure(error);
        }
      },
    },
  };
}

function toOffsetRange({ offset, length }: proto.ContributionRange): OffsetRange {
  if (offset + length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${length} bytes from ${offset} on reach beyond 2^53-1`);
  }
  return { start: Number(offset), end: Number(offset + length) };
}
