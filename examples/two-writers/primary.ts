import { createHash } from 'node:crypto';
import type { ServerSession } from '@kwik/session';
import { encode } from './protocol.js';

export interface Plan {
  readonly chunkBytes: number;
  /** Who writes the chunk of this number. */
  readonly writerOf: (index: number) => 'primary' | 'secondary';
}

/** At 30 bytes each, far below the 16 KiB of a raw packet. */
const RANGES_PER_COMMAND = 256;

/**
 * Answers the session's first stream with `content`, in turns with the server at `secondary`.
 *
 * Each round first has the client let the secondary write its ranges, tells it of them, and then goes over the same part of the content: it writes its own
 * chunks and skips the others. So nobody waits for a chunk whose writer does not know of it yet, and `write`, which waits
 * for the reader, keeps the commands from running ahead of the content.
 */
export async function servePrimary(
  session: ServerSession,
  secondary: string,
  content: Uint8Array,
  { chunkBytes, writerOf }: Plan,
): Promise<void> {
  const path = await session.addPath(secondary, { capabilities: ['contribute', 'raw'] });
  const stream = await session.acceptStream();
  const sha256 = createHash('sha256').update(content).digest('hex');
  await stream.write(encode({ size: content.length, sha256 }));
  const base = Number(stream.skip(0n));

  let index = 0;
  while (index * chunkBytes < content.length) {
    const chunks: { from: number; to: number; mine: boolean }[] = [];
    let theirs = 0;
    while (index * chunkBytes < content.length && theirs < RANGES_PER_COMMAND) {
      const from = index * chunkBytes;
      const to = Math.min(from + chunkBytes, content.length);
      const mine = writerOf(index++) === 'primary';
      if (!mine) theirs++;
      chunks.push({ from, to, mine });
    }
    if (theirs > 0) {
      const ranges = chunks.filter(({ mine }) => !mine).map(({ from, to }) => [from, to] as const);
      // Before the secondary knows: the client closes its path when it writes what nobody granted.
      await session.grantContribution(
        path.id,
        stream.id,
        ranges.map(([from, to]) => ({ offset: BigInt(base + from), length: BigInt(to - from) })),
      );
      await session.sendRawPacket(encode({ stream: String(stream.id), base, ranges }), path.id);
    }
    for (const { from, to, mine } of chunks) {
      if (mine) await stream.write(content.subarray(from, to));
      else stream.skip(BigInt(to - from));
    }
  }
  await stream.close();
}
