import { MAX_ACK_RANGES, MAX_FRAMES_PER_PACKET } from '../limits/wire-limits.js';
import type { WireShape } from './wire-shape.js';

const LEAF: WireShape = {};

const FRAME: WireShape = {
  1: { message: LEAF }, // stream
  2: { message: { 3: { message: LEAF, max: MAX_ACK_RANGES } } }, // ack
  3: { message: LEAF }, // window_update
  4: { message: LEAF }, // reset_stream
  5: { message: LEAF }, // stop_sending
  6: { message: LEAF }, // raw
  7: { message: LEAF }, // ping
  8: { message: LEAF }, // blocked
  9: { message: LEAF }, // sealed
  10: { message: LEAF }, // max_streams
  11: { message: LEAF }, // datagram
};

/** Packet of proto/kwik/v1/data.proto, without the checksum: it is cut off before, and may not come twice. */
export const PACKET_SHAPE: WireShape = {
  3: { message: FRAME, max: MAX_FRAMES_PER_PACKET }, // frames
  4: { message: LEAF }, // compression
  15: { max: 0 }, // checksum
};

/** FrameList of the same file. */
export const FRAME_LIST_SHAPE: WireShape = {
  1: { message: FRAME, max: MAX_FRAMES_PER_PACKET }, // frames
};
