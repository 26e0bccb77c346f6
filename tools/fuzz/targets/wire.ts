import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import {
  KwikError,
  PacketReader,
  decodeKcpMessage,
  decodePacket,
  encodeKcpMessage,
  encodePacket,
  type proto,
} from '@kwik/wire';
import { CHECKSUM_FIELD_BYTES, CHECKSUM_TAG, writeChecksum } from '../../../packages/wire/src/codec/checksum.js';
import { toVectorJson } from '../../../packages/wire/src/test-support/vector-json.js';
import { joinStream, splitStream } from '../protobuf-tree.js';
import { rule, type FuzzTarget } from '../target.js';

const VECTORS = new URL('../../../packages/wire/test/vectors/', import.meta.url);

interface Vectors {
  readonly accepted: readonly { readonly hex: string }[];
  readonly refused: readonly { readonly hex: string }[];
}

export const packet: FuzzTarget = {
  name: 'packet',
  shape: 'message',
  seeds: () => goldenMessages('packets'),
  repair: withChecksum,
  run(input) {
    const decoded = decodePacket(input, crc32);
    const again = decodePacket(splitStream(encodePacket(decoded, crc32))[0]!, crc32);
    rule(
      same({ ...decoded, checksum: 0 }, { ...again, checksum: 0 }),
      'a packet changes its meaning when written again',
    );
    return `packet of ${kindsOf(decoded)}`;
  },
};

/** The same bytes in one piece and in many give the same packets. */
const packetReader: FuzzTarget = {
  name: 'packet-reader',
  shape: 'stream',
  seeds: () => [...goldenMessages('packets').map((one) => joinStream([one])), joinStream(goldenMessages('packets'))],
  repair: (input) => joinStream(splitStream(input).map(withChecksum)),
  run(input) {
    const whole = readAll(input, input.length);
    const pieces = readAll(input, 1 + (input.length % 61));
    rule(same(whole, pieces), 'packets depend on how their bytes arrive');
    return whole.end;
  },
};

const controlMessage: FuzzTarget = {
  name: 'control-message',
  shape: 'message',
  seeds: () => goldenMessages('kcp-messages'),
  run(input) {
    const decoded = decodeKcpMessage(input);
    const again = decodeKcpMessage(splitStream(encodeKcpMessage(decoded))[0]!);
    rule(same(decoded, again), 'a message changes its meaning when written again');
    return `message ${decoded.body?.$case ?? 'unknown'}`;
  },
};

export const WIRE_TARGETS = [packet, packetReader, controlMessage];

/** What golden vectors hold, without their length prefix. */
export function goldenMessages(name: 'packets' | 'kcp-messages'): Uint8Array[] {
  const { accepted, refused } = JSON.parse(readFileSync(new URL(`${name}.json`, VECTORS), 'utf8')) as Vectors;
  return [...accepted.map(({ hex }) => splitStream(fromHex(hex))[0]!), ...refused.map(({ hex }) => fromHex(hex))];
}

/** The message with a checksum that is right, so that what lies behind it is tried as well. */
export function withChecksum(message: Uint8Array): Uint8Array {
  const at = message.length - CHECKSUM_FIELD_BYTES;
  const covered = at >= 0 && message[at] === CHECKSUM_TAG ? message.subarray(0, at) : message;
  const whole = new Uint8Array(covered.length + CHECKSUM_FIELD_BYTES);
  whole.set(covered);
  writeChecksum(whole, covered.length, crc32(covered));
  return whole;
}

function readAll(input: Uint8Array, pieceBytes: number): { packets: proto.Packet[]; end: string } {
  const reader = new PacketReader(crc32);
  const packets: proto.Packet[] = [];
  try {
    for (let at = 0; at < input.length; at += pieceBytes) {
      reader.push(input.slice(at, at + pieceBytes));
      for (let one = reader.next(); one !== undefined; one = reader.next()) packets.push(one);
      rule(reader.bufferedBytes <= input.length, 'the reader holds more than it was given');
    }
  } catch (error) {
    if (!(error instanceof KwikError)) throw error;
    return { packets, end: error.code };
  }
  return {
    packets,
    end: `${packets.length > 0 ? 'packets' : 'nothing'}, ${reader.bufferedBytes > 0 ? 'rest' : 'end'}`,
  };
}

function kindsOf({ frames, compression }: proto.Packet): string {
  const kinds = new Set(frames.map(({ body }) => body?.$case ?? 'unknown'));
  return `${[...kinds].sort().join(', ')}${compression === undefined ? '' : ' compressed'}`;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(toVectorJson(a)) === JSON.stringify(toVectorJson(b));
}

function fromHex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, 'hex'));
}
