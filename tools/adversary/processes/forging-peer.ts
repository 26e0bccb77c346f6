/**
 * A server that a primary asks for help with a file. It has the file, answers no range that it is asked for, and writes
 * into the client's stream by itself, frame by frame, past the checks of its own library: MODE=forge: the file with
 * another tail, and a trailer with the digest of that; MODE=trailer: a trailer that says the file is broken.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Endpoint } from '@kwik/quic';
import { listen } from '@kwik/session';
import { encodePacket, proto, type PathTransport } from '@kwik/wire';
import { streamData } from '../raw/raw-session.js';
import { fileMessage } from '../scene/file-message.js';

const PIECE_BYTES = 32 * 1024;
/** Far above the numbers that the honest half of this server gives its packets. */
const FIRST_PACKET_NUMBER = 1_000_000n;

const truth = readFileSync(process.env['FILE'] ?? '');
const forged = Buffer.from(truth);
Buffer.from('THIS TAIL WAS FORGED BY A PEER. ').copy(forged, forged.length - 1000);
/** Only its length matters: the true one has the same. */
const headerBytes = fileMessage({ ok: true, size: truth.length, etag: '0'.repeat(32), offset: 0 }).length;
const sha256 = createHash('sha256').update(forged).digest('hex');

let connection: PathTransport | undefined;
keepConnections();
const listener = await listen({
  replica: () => ({ size: BigInt(truth.length), read: () => new Promise(() => undefined) }),
});
process.send?.({ port: listener.address().port });
for await (const session of listener) {
  const joined = connection;
  if (session.role === 'secondary' && joined !== undefined) write(joined, [...lies()]);
}

/** Remembers the connection under each session, which the library keeps to itself. */
function keepConnections(): void {
  const { listen: listenOn } = Endpoint.prototype;
  Endpoint.prototype.listen = function (this: Endpoint, options, onConnection): void {
    listenOn.call(this, options, (transport) => {
      connection = transport;
      onConnection(transport);
    });
  };
}

function* lies(): Generator<Uint8Array> {
  if (process.env['MODE'] === 'trailer') {
    yield fileMessage({ ok: false, code: 'changed', message: 'this server is broken' });
    return;
  }
  for (let at = 0; at < forged.length; at += PIECE_BYTES) yield forged.subarray(at, at + PIECE_BYTES);
  yield fileMessage({ ok: true, sha256 });
}

/** Sends the pieces as frames of the client's first stream, the last of them where the trailer belongs. */
function write(transport: PathTransport, pieces: readonly Uint8Array[]): void {
  const stream = transport.openStream({ unidirectional: true });
  if (stream === undefined) return;
  let offset = pieces.length === 1 ? headerBytes + truth.length : headerBytes;
  const packets = pieces.map((piece, index) => {
    const frames = [streamData(0, offset, piece)];
    offset += piece.length;
    const packetNumber = FIRST_PACKET_NUMBER + BigInt(index);
    return encodePacket({ packetNumber, type: proto.PacketType.DATA, frames }, crc32);
  });
  let rest: Uint8Array = Buffer.concat(packets);
  const flush = (): void => {
    rest = rest.subarray(stream.write(rest));
  };
  const nothing = (): void => undefined;
  stream.attach({ onData: nothing, onEnd: nothing, onReset: nothing, onStopSending: nothing, onWritable: flush });
  flush();
}
