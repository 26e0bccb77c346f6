import type { BackendConnection } from '../backends/backend.js';
import { MAX_UNSENT_BYTES } from './send-ahead.js';
import type { QuicStream } from './stream.js';

/** Streams that are asked for the connection's room: one held by its own flow control would tell too little. */
const MAX_QUERIES = 4;

/** What congestion window and flow control leave, as far as open streams can tell; undefined when there is none. */
export function streamRoom(backend: BackendConnection, streams: Iterable<QuicStream>): number | undefined {
  let room: number | undefined;
  let queries = 0;
  for (const stream of streams) {
    if (stream.sendSide !== 'open' && stream.sendSide !== 'ending') continue;
    const capacity = backend.streamCapacity(stream.id);
    if (typeof capacity === 'number') room = Math.max(room ?? 0, capacity);
    queries += 1;
    if (queries === MAX_QUERIES || (room ?? 0) > MAX_UNSENT_BYTES) break;
  }
  return room;
}
