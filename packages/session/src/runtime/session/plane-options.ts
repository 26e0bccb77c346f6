import { MAX_PACKET_BYTES } from '@kwik/wire';
import type { DataPlaneOptions } from '../../core/data/data-plane.js';
import { NODE_NATIVES } from '../host/node-natives.js';

type PlaneLimits = Pick<DataPlaneOptions, 'streamWindowBytes' | 'pathWindowBytes' | 'sendBufferBytes' | 'maxStreams'>;

/** The data plane of a session in Node, at any end; of the limits it takes those that are its own. */
export function planeOptions(
  role: DataPlaneOptions['role'],
  { streamWindowBytes, pathWindowBytes, sendBufferBytes, maxStreams }: PlaneLimits,
  numbers?: DataPlaneOptions['numbers'],
): DataPlaneOptions {
  const limits = { streamWindowBytes, pathWindowBytes, sendBufferBytes, maxStreams };
  return { role, numbers, ...limits, maxPacketBytes: MAX_PACKET_BYTES, natives: NODE_NATIVES };
}
