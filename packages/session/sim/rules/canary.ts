import { crc32 } from 'node:zlib';
import type { ServiceDirectory } from '@kwik/discovery';
import { encodePacket, proto, streamFrame, toStreamId, type PathTransport } from '@kwik/wire';
import type { SessionEngine } from '../../src/runtime/session/engine.js';

/** Bugs at the client's reader: a byte is flipped, bytes come twice, or bytes never come. */
export const READER_CANARIES = ['flip', 'repeat', 'lose'] as const;
export type ReaderCanary = (typeof READER_CANARIES)[number];
/** Bugs of discovery: whatever is announced is believed, or the servers that are there are found once and never again. */
const DISCOVERY_CANARIES = ['trusting', 'deaf'] as const;
/**
 * A bug planted behind all checks of the session. A simulator that passes with it is blind. `leak` is one of the client: to
 * whoever answers in the place of a server that does not run it writes bytes of a stream.
 */
export const CANARIES = [...READER_CANARIES, 'leak', ...DISCOVERY_CANARIES] as const;
export type Canary = (typeof CANARIES)[number];

export function isReaderCanary(canary: Canary | undefined): canary is ReaderCanary {
  return READER_CANARIES.some((each) => each === canary);
}

/** Early enough for nearly every seed that moves bytes at all. */
const AFTER_BYTES = 1000;

export function plantInReader(engine: SessionEngine, canary: ReaderCanary): void {
  const { streams } = engine;
  const read = streams.read.bind(streams);
  let bytes = 0;
  let done = false;
  let again: ReturnType<typeof read>;
  streams.read = (stream) => {
    if (again !== undefined) {
      const chunk = again;
      again = undefined;
      return chunk;
    }
    const chunk = read(stream);
    bytes += chunk?.data.length ?? 0;
    if (chunk === undefined || done || bytes < AFTER_BYTES) return chunk;
    done = true;
    switch (canary) {
      case 'flip': {
        const data = chunk.data.slice();
        data[0]! ^= 1;
        return { ...chunk, data };
      }
      case 'repeat':
        again = chunk;
        return chunk;
      case 'lose':
        return read(stream);
    }
  };
}

/** Chooses servers once. */
export function plantInDirectory(directory: ServiceDirectory): void {
  const select = directory.select.bind(directory);
  let chosen = false;
  directory.select = async (request, options) => {
    const result = await select(request, options);
    if (chosen) return { ...result, chosen: [] };
    chosen = result.chosen.length > 0;
    return result;
  };
}

/** Writes what no impostor may get to its connection. */
export function leakInto(transport: PathTransport): void {
  const ignore = (): void => undefined;
  const stream = transport.openStream({ unidirectional: true });
  stream?.attach({ onData: ignore, onEnd: ignore, onReset: ignore, onStopSending: ignore, onWritable: ignore });
  const frame = streamFrame({ streamId: toStreamId(0n), offset: 0n, data: Uint8Array.of(1, 2, 3) });
  stream?.write(encodePacket({ packetNumber: 0n, type: proto.PacketType.DATA, frames: [frame] }, crc32));
}
