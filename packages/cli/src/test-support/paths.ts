import type { PathInfo } from '@kwik/session';
import { toPathId } from '@kwik/wire';

/** A path with what a test cares about; the rest is unremarkable. */
export function pathInfo(
  address: string,
  more: Partial<Omit<PathInfo, 'id'>> & { readonly id?: number } = {},
): PathInfo {
  const { id = 0, ...rest } = more;
  return {
    id: toPathId(id),
    address,
    primary: false,
    state: 'active',
    rttMs: 10,
    deliveryRateBytesPerSecond: 0,
    sentBytes: 0,
    receivedBytes: 0,
    duplicateBytes: 0,
    lostPackets: 0,
    ...rest,
  };
}
