import { describe, expect, test } from '@jest/globals';
import { KwikError, toPathId } from '@kwik/wire';
import { RawPackets } from './raw-packets.js';

const OPTIONS = { maxPacketBytes: 10, permitted: true };
const away = { assertOpen: () => undefined, controlPath: undefined };

describe('raw packets at a server', () => {
  test.each([
    ['no client is there', {}, 3, 'ERR_KWIK_NO_PATH'],
    ['it is too large', {}, 11, 'ERR_KWIK_PACKET_TOO_LARGE'],
    ['the primary did not allow it', { permitted: false }, 3, 'ERR_KWIK_PERMISSION_DENIED'],
    [
      'who shall get it may not',
      {
        requireReceiver: () => {
          throw new KwikError('ERR_KWIK_PATH_DEAD');
        },
      },
      3,
      'ERR_KWIK_PATH_DEAD',
    ],
  ])('are refused when %s', async (_why, changes, bytes, code) => {
    const raw = new RawPackets(away, { ...OPTIONS, ...changes });
    await expect(raw.send(new Uint8Array(bytes), 1)).rejects.toMatchObject({ code });
  });

  test('that came are given out, also after the end, and then there are none', async () => {
    const raw = new RawPackets(away, OPTIONS);
    raw.onRawPacket({ data: Uint8Array.of(1), pathId: toPathId(0), from: undefined });
    raw.onEnd();
    expect([(await raw.next())?.data, await raw.next()]).toEqual([Uint8Array.of(1), null]);
    expect(raw.counts).toEqual({ received: 1, dropped: 0 });
  });
});
