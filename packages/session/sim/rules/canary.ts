import type { SessionEngine } from '../../src/runtime/session/engine.js';

export const CANARIES = ['flip', 'repeat', 'lose'] as const;
/**
 * A bug planted behind all checks of the session, at the client's reader: a byte is flipped, bytes come twice, or bytes
 * never come. A simulator that passes with it is blind.
 */
export type Canary = (typeof CANARIES)[number];

/** Early enough for nearly every seed that moves bytes at all. */
const AFTER_BYTES = 1000;

export function plantCanary(engine: SessionEngine, canary: Canary): void {
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
