/**
 * A server that a primary asks for help with a file: it has the file, and writes into the client's stream by itself:
 * MODE=forge: the file with another tail, and a trailer with the digest of that; MODE=trailer: a trailer that says the
 * file is broken. It answers no range that it is asked for.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { listen, type ServerSession } from '@kwik/session';

const truth = readFileSync(process.env['FILE'] ?? '');
const forged = Buffer.from(truth);
Buffer.from('THIS TAIL WAS FORGED BY A PEER. ').copy(forged, forged.length - 1000);
/** Only its length matters: the true one has the same. */
const headerBytes = framed({ ok: true, size: truth.length, etag: '0'.repeat(32), offset: 0 }).length;
const sha256 = createHash('sha256').update(forged).digest('hex');
const listener = await listen({
  replica: () => ({ size: BigInt(truth.length), read: () => new Promise(() => undefined) }),
});
process.send?.({ port: listener.address().port });
for await (const session of listener) void forge(session).catch(() => undefined);

async function forge(session: ServerSession): Promise<void> {
  const contribution = session.contribute(0n);
  const end = BigInt(headerBytes + truth.length);
  if (process.env['MODE'] === 'trailer') {
    await contribution.writeAt(end, framed({ ok: false, code: 'changed', message: 'this server is broken' }));
    return;
  }
  const step = 256 * 1024;
  for (let at = 0; at < forged.length; at += step) {
    await contribution.writeAt(BigInt(headerBytes + at), forged.subarray(at, at + step));
  }
  await contribution.writeAt(end, framed({ ok: true, sha256 }));
}

function framed(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}
