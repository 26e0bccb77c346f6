import type { ServerSession } from '@kwik/session';
import { decode, type WriteCommand } from './protocol.js';

/** What one `writeAt` takes: small against the send buffer of 1 MiB. */
const PIECE_BYTES = 64 * 1024;

/** Writes what the primary commands, until the session ends. */
export async function serveSecondary(session: ServerSession, content: Uint8Array): Promise<void> {
  const writes: Promise<void>[] = [];
  for await (const packet of session.rawPackets()) {
    // Only the primary commands: 0 is its path.
    if (packet.from !== 0) continue;
    // Not awaited: a command that came early must not keep back the one that the reader waits for.
    writes.push(obey(session, decode(packet.data) as WriteCommand, content));
  }
  await Promise.all(writes);
}

async function obey(
  session: ServerSession,
  { stream, base, ranges }: WriteCommand,
  content: Uint8Array,
): Promise<void> {
  const contribution = session.contribute(BigInt(stream));
  // In the order of the stream. So what is awaited is what the reader needs first, and nothing waits for itself.
  for (const [from, to] of ranges) {
    for (let at = from; at < to; at += PIECE_BYTES) {
      await contribution.writeAt(BigInt(base + at), content.subarray(at, Math.min(at + PIECE_BYTES, to)));
    }
  }
}
