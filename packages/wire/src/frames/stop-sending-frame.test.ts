import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { encodePacket } from '../codec/packet-encoder.js';
import { PacketType } from '../gen/kwik/v1/data.js';
import { testFrame } from '../test-support/frame-suite.js';
import { codeOf } from '../test-support/outcomes.js';
import { stopSendingFrame } from './stop-sending-frame.js';

testFrame('stop sending frame', {
  examples: [
    { what: 'one of stream 0', frame: stopSendingFrame({ streamId: 0n, code: 0 }), bytes: '2a00' },
    { what: 'one with a code', frame: stopSendingFrame({ streamId: 4n, code: 66 }), bytes: '2a04 0804 1042' },
  ],
  broken: [
    { what: 'a stream id of 2^62', frame: stopSendingFrame({ streamId: 1n << 62n, code: 0 }), says: /stream id/ },
  ],
});

test.each([-1, 1.5, 2 ** 32, Number.NaN])('a code of %p does not leave this side', (code) => {
  const frames = [stopSendingFrame({ streamId: 0n, code })];
  expect(codeOf(() => encodePacket({ packetNumber: 0n, type: PacketType.DATA, frames }, crc32))).toBe(
    'ERR_KWIK_INVALID_FRAME',
  );
});
