import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { decodePacket } from '../codec/packet-decoder.js';
import { encodePacket } from '../codec/packet-encoder.js';
import type { ErrorCode } from '../errors/error-table.js';
import { Frame, PacketType } from '../gen/kwik/v1/data.js';
import { codeOf, fromHex, hex, kwikErrorOf, outcomeOf, PEER_CODES } from './outcomes.js';
import { mutate, TestRandom } from './random.js';
import { seal, withoutPrefix } from './sealing.js';
import { bytesField, varintField } from './wire-fields.js';

export interface FrameSuite {
  /** Frames and the exact bytes of each, as hexadecimal digits of the Frame message. */
  readonly examples: readonly { readonly what: string; readonly frame: Frame; readonly bytes: string }[];
  /** Frames that break a rule, and words of the message that says so. */
  readonly broken: readonly { readonly what: string; readonly frame: Frame; readonly says: RegExp }[];
}

const MUTATIONS = 10_000;

/** What holds for every kind of frame. */
export function testFrame(name: string, { examples, broken }: FrameSuite): void {
  describe(name, () => {
    test.each(examples)('$what has these bytes', ({ frame, bytes }) => {
      expect(hex(Frame.encode(frame).finish())).toBe(bytes.replace(/\s/g, ''));
      expect(hex(packetWith(frame))).toBe(hex(seal(packetAround(fromHex(bytes)))));
    });

    test.each(examples)('$what is decoded from these bytes', ({ frame, bytes }) => {
      expect(decodePacket(seal(packetAround(fromHex(bytes))), crc32).frames).toEqual([frame]);
    });

    test.each(examples)('$what, cut off anywhere, is refused by its checksum', ({ frame }) => {
      const packet = packetWith(frame);
      for (let length = 0; length < packet.length; length++) {
        const code = codeOf(() => decodePacket(packet.subarray(0, length), crc32));
        // The CRC of no bytes at all is 0, as the missing checksum says; an empty packet has no type.
        expect(code).toBe(length === 0 ? 'ERR_KWIK_INVALID_PACKET' : 'ERR_KWIK_CHECKSUM_MISMATCH');
      }
    });

    test.each(examples)('$what, cut off anywhere with a checksum that matches, is refused', ({ bytes }) => {
      const fields = packetAround(fromHex(bytes));
      const beforeFrame = packetAround().length;
      for (let length = beforeFrame + 1; length < fields.length; length++) {
        expect(codeOf(() => decodePacket(seal(fields.subarray(0, length)), crc32))).toBe('ERR_KWIK_INVALID_PACKET');
      }
    });

    test.each(broken)('$what is refused by sender and receiver', ({ frame, says }) => {
      const local = kwikErrorOf(() => encodePacket(packetOf(frame), crc32));
      expect([local.code, local.scope]).toEqual(['ERR_KWIK_INVALID_FRAME', 'local']);
      expect(local.message).toMatch(says);
      const peer = kwikErrorOf(() => decodePacket(seal(packetAround(Frame.encode(frame).finish())), crc32));
      expect([peer.code, peer.scope]).toEqual(['ERR_KWIK_INVALID_FRAME', 'peer']);
      expect(peer.message).toMatch(says);
    });

    test(`${MUTATIONS} mutations end in a typed error or a valid frame`, () => {
      const random = new TestRandom(name.length * 7_919);
      const codes = new Set<ErrorCode>();
      let valid = 0;
      for (let round = 0; round < MUTATIONS; round++) {
        const original = packetAround(fromHex(examples[round % examples.length]!.bytes));
        const fields = mutate(original, random);
        // Every other one gets a checksum that matches, so that the decoder behind it is met too.
        const outcome = outcomeOf(() => decodePacket(round % 2 === 0 ? seal(fields) : fields, crc32));
        if ('code' in outcome) codes.add(outcome.code);
        else {
          valid++;
          const again = encodePacket(outcome.value, crc32);
          if (hex(encodePacket(decodePacket(withoutPrefix(again), crc32), crc32)) !== hex(again))
            throw new Error(hex(fields));
        }
      }
      expect(PEER_CODES).toEqual(expect.arrayContaining([...codes]));
      expect(valid).toBeGreaterThan(0);
      expect(valid).toBeLessThan(MUTATIONS);
    });
  });
}

function packetOf(...frames: Frame[]): { packetNumber: bigint; type: PacketType; frames: Frame[] } {
  return { packetNumber: 5n, type: PacketType.DATA, frames };
}

function packetWith(frame: Frame): Uint8Array {
  return withoutPrefix(encodePacket(packetOf(frame), crc32));
}

/** The same packet by hand, from encoded frames. */
function packetAround(...frames: Uint8Array[]): Uint8Array {
  return Uint8Array.from([
    ...varintField(1, 5),
    ...varintField(2, PacketType.DATA),
    ...frames.flatMap((frame) => bytesField(3, frame)),
  ]);
}
