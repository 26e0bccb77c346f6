import { KwikError, PRIMARY_PATH_ID, type proto } from '@kwik/wire';
import type { ResumedNumbers, StreamCounts } from '../../core/streams/stream-numbers.js';
import { FIRST_CLIENT_PATH_ID } from '../../limits.js';

/** Ids have 62 bits, two of which say whose stream it is and of which kind. */
const MAX_STREAMS = 1n << 60n;

/** What the client says of the streams, and of the paths, of a session that this server goes on with. Throws for what cannot be. */
export function numbersOf(state: proto.Takeover): ResumedNumbers {
  const peer: StreamCounts = { bidi: state.clientBidiStreams, uni: state.clientUniStreams };
  const own: StreamCounts = { bidi: state.serverBidiStreams, uni: state.serverUniStreams };
  const mayOpen: StreamCounts = { bidi: state.serverBidiAllowed, uni: state.serverUniAllowed };
  const possible = [peer, own, mayOpen].every(({ bidi, uni }) => bidi <= MAX_STREAMS && uni <= MAX_STREAMS);
  if (!possible || own.bidi > mayOpen.bidi || own.uni > mayOpen.uni) {
    throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'a takeover of more streams than there can be');
  }
  // This server gives the numbers from there on to paths to other servers: 0 and those behind are the client's.
  const { nextPathId } = state;
  if (nextPathId <= PRIMARY_PATH_ID || nextPathId > FIRST_CLIENT_PATH_ID) {
    const text = `a takeover whose next path is number ${nextPathId}, and not from 1 to ${FIRST_CLIENT_PATH_ID}`;
    throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', text);
  }
  return { own, peer, mayOpen };
}
