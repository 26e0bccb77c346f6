import { maxStreamsFrame } from '@kwik/wire';
import type { StreamTable } from '../streams/stream-table.js';
import type { ControlFrame } from './data-path.js';

/**
 * What the client of a session that another server began is told first: how many streams it may open, counted from the session's
 * beginning. It knows what the primary before allowed, and that may be used up by streams that were lost with it.
 */
export function resumedCredit({ numbers }: StreamTable): ControlFrame[] {
  const { bidi, uni } = numbers.peerMayOpen;
  return [
    { key: 'streams false', frame: maxStreamsFrame({ unidirectional: false, maxStreams: bidi }), outlivesPath: true },
    { key: 'streams true', frame: maxStreamsFrame({ unidirectional: true, maxStreams: uni }), outlivesPath: true },
  ];
}
