import { describe, expect, test } from '@jest/globals';
import { KwikError, proto } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import { closeOf, endByPeer } from './close-message.js';

/** As it comes out of the wire at the other end. */
function atThePeer(info: CloseInfo): CloseInfo {
  const body = closeOf(info);
  if (body.$case !== 'close') throw new TypeError(body.$case);
  return endByPeer(proto.Close.decode(proto.Close.encode(body.value).finish()));
}

describe('the end of a session, as the peer is told', () => {
  const error = new KwikError('ERR_KWIK_UNSUPPORTED', 'no such thing');

  test("an application's code stays one, though an error has the same number", () => {
    const end = atThePeer({ by: 'local', code: error.wireNumber, reason: 'done' });
    expect(end).toEqual({ by: 'peer', code: error.wireNumber, reason: 'done' });
  });

  test('a failure is one, by its code', () => {
    const end = atThePeer({ by: 'error', code: error.wireNumber, reason: error.message, error });
    expect(end).toMatchObject({ by: 'peer', code: error.wireNumber, reason: 'no such thing' });
    expect(end.error).toMatchObject({ code: 'ERR_KWIK_UNSUPPORTED', message: 'no such thing' });
  });
});
