import { crc32 } from 'node:zlib';
import { decodePacket, encodePacketInto, type PacketInput, proto, streamFrame } from '@kwik/wire';
import { Pattern } from '../harness/pattern.js';
import { callRates } from '../harness/rate.js';
import { median, spread } from '../harness/stats.js';
import type { Part, PartContext, Row } from '../part.js';
import { decodeGenerated, encodeGenerated } from './codec/generated.js';

const SIZES = [100, 1200, 16_000];
const MEASURE_MS = 300;
const QUICK_MS = 60;
/** Where in its stream a frame stands: far enough that the offset takes the usual number of bytes. */
const OFFSET = 123_456_789n;

/** Packets of one stream frame: the codec of @kwik/wire beside the generated code. */
export const codec: Part = {
  name: 'codec',
  about: 'packets of stream frames: the codec of @kwik/wire beside the generated code doing the same work',
  async run(context) {
    return { rows: SIZES.flatMap((bytes) => measureSize(bytes, context)) };
  },
};

function measureSize(bytes: number, context: PartContext): Row[] {
  const packet = makePacket(bytes);
  const target = Buffer.alloc(2 * bytes + 100);
  const framed = checked(packet, target);
  // Behind the length prefix.
  const packetBytes = framed.subarray(framed.findIndex((byte) => byte < 0x80) + 1);
  return [
    compare(
      `encode ${bytes} bytes`,
      context,
      () => encodePacketInto(packet, target, crc32),
      () => encodeGenerated(packet, target),
    ),
    compare(
      `decode ${bytes} bytes`,
      context,
      () => decodePacket(packetBytes, crc32),
      () => decodeGenerated(packetBytes),
    ),
  ].flat();
}

function compare(name: string, context: PartContext, hand: () => void, generated: () => void): Row[] {
  if (!context.wanted(name)) return [];
  const measureMs = context.quick ? QUICK_MS : MEASURE_MS;
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    const [own = NaN, other = NaN] = callRates([hand, generated], measureMs);
    ours.push(own);
    theirs.push(other);
  }
  const ratio = median(ours.map((rate, round) => rate / theirs[round]!));
  const note = [`${(1e6 / median(ours)).toFixed(2)} µs`, spread(ours)].filter(Boolean).join(', ');
  return [
    { name, value: median(ours), unit: '1/s', reference: { name: 'generated', value: median(theirs) }, ratio, note },
  ];
}

function makePacket(bytes: number): PacketInput {
  const data = Buffer.from(new Pattern().piece(0, bytes));
  const frame = streamFrame({ streamId: 4n, offset: OFFSET, data, priority: 3 });
  return { packetNumber: 123_456n, type: proto.PacketType.DATA, frames: [frame] };
}

/** Both write the same bytes and read them back, or nothing is measured. */
function checked(packet: PacketInput, target: Buffer): Buffer {
  const hand = Buffer.from(target.subarray(0, encodePacketInto(packet, target, crc32)));
  const generated = target.subarray(0, encodeGenerated(packet, target));
  if (!hand.equals(generated)) throw new Error('the two encoders disagree');
  const body = hand.subarray(hand.findIndex((byte) => byte < 0x80) + 1);
  const [first, second] = [decodePacket(body, crc32), decodeGenerated(body)].map(dataOf);
  if (first === undefined || second === undefined || !first.equals(second))
    throw new Error('the two decoders disagree');
  return hand;
}

function dataOf(packet: proto.Packet): Buffer | undefined {
  const body = packet.frames[0]?.body;
  return body?.$case === 'stream' ? Buffer.from(body.value.data) : undefined;
}
