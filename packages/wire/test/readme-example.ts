import assert from 'node:assert/strict';
import { encodePacket, PacketReader, proto, streamFrame } from '@kwik/wire';

// One packet of one frame, ready for a QUIC stream.
const frame = streamFrame({ streamId: 4n, offset: 0n, data: Buffer.from('hello'), fin: true });
const bytes = encodePacket({ packetNumber: 0n, type: proto.PacketType.DATA, frames: [frame] });

// At the other end chunks arrive, cut anywhere.
const reader = new PacketReader();
reader.push(bytes.subarray(0, 3));
assert.equal(reader.next(), undefined);
reader.push(bytes.subarray(3));

const body = reader.next()?.frames[0]?.body;
assert(body?.$case === 'stream');
assert.equal(Buffer.from(body.value.data).toString(), 'hello');
