import { createHash } from 'node:crypto';
import { dial, listen, type Listener, type ReplicaSource } from '@kwik/session';
import { play, type Playback } from './player.js';

/** A film from three servers, one of which goes away in the middle. */
export async function runFilm(
  film: Uint8Array,
  bytesPerSecond: number,
): Promise<Playback & { readonly same: boolean; readonly servers: number }> {
  const source: ReplicaSource = {
    size: BigInt(film.length),
    read: async (offset, length) => film.subarray(Number(offset), Number(offset) + length),
  };
  const replica = (key: string): ReplicaSource | undefined => (key === 'film' ? source : undefined);
  await using one = await listen({ replica });
  await using two = await listen({ replica });
  await using primary = await listen();
  void serve(primary, [one, two], source);
  await using session = await dial(addressOf(primary));
  const stream = session.openStream();
  await stream.write('film');
  const seen = createHash('sha256');
  let shown = 0;
  let leaves: Promise<void> | undefined;
  const playback = await play(stream, {
    ...{ bytesPerSecond, startMs: 200, aheadMs: 1000 },
    onFrame(frame) {
      seen.update(frame);
      shown += frame.length;
      if (shown > film.length / 2) leaves ??= two.close({ force: true });
    },
  });
  await leaves;
  const same = seen.digest('hex') === createHash('sha256').update(film).digest('hex');
  return { ...playback, same, servers: session.getAllPaths().filter(({ receivedBytes }) => receivedBytes > 0).length };
}

async function serve(primary: Listener, others: readonly Listener[], source: ReplicaSource): Promise<void> {
  const session = await primary.accept();
  await Promise.allSettled(others.map((other) => session.addPath(addressOf(other))));
  const stream = await session.acceptStream();
  await stream.sendFrom('film', source);
  await stream.close();
}

function addressOf(listener: Listener): string {
  const { address, port } = listener.address();
  return `${address}:${port}`;
}
