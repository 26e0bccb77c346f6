import type { Stream } from '@kwik/session';

export interface Playback {
  readonly playedBytes: number;
  /** How often, and for how long in all, the picture stood still after it had begun. */
  readonly stalls: number;
  readonly stalledMs: number;
}

export interface PlayerOptions {
  readonly bytesPerSecond: number;
  /** Played only when so much is there, milliseconds of film. */
  readonly startMs: number;
  /** Read ahead no further, milliseconds of film: beyond, the stream's window stops the servers. */
  readonly aheadMs: number;
  readonly onFrame?: (data: Uint8Array) => void;
}

/** How often a frame is shown. */
const FRAME_MS = 40;

/** Plays a stream at its rate, and reads ahead as far as it may. */
export async function play(stream: Stream, options: PlayerOptions): Promise<Playback> {
  const { bytesPerSecond, startMs, aheadMs, onFrame } = options;
  const chunks: Uint8Array[] = [];
  const state = { aheadBytes: 0, ended: false };
  const reading = readAhead(stream, chunks, state, (bytesPerSecond * aheadMs) / 1000);
  const frameBytes = Math.round((bytesPerSecond * FRAME_MS) / 1000);
  let [playedBytes, stalls, stalledMs] = [0, 0, 0];
  let waitsFor = (bytesPerSecond * startMs) / 1000;
  let playing = false;
  while (!state.ended || state.aheadBytes > 0) {
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    if (state.aheadBytes < waitsFor && !state.ended) {
      if (playing) stalledMs += FRAME_MS;
      continue;
    }
    playing = true;
    const frame = take(chunks, Math.min(frameBytes, state.aheadBytes));
    state.aheadBytes -= frame.length;
    playedBytes += frame.length;
    onFrame?.(frame);
    const isDry = state.aheadBytes < frameBytes && !state.ended;
    if (isDry) stalls++;
    waitsFor = isDry ? (bytesPerSecond * startMs) / 1000 : frameBytes;
  }
  await reading;
  return { playedBytes, stalls, stalledMs };
}

async function readAhead(
  stream: Stream,
  chunks: Uint8Array[],
  state: { aheadBytes: number; ended: boolean },
  mostBytes: number,
): Promise<void> {
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      state.aheadBytes += chunk.length;
      while (state.aheadBytes > mostBytes) await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    }
  } finally {
    state.ended = true;
  }
}

function take(chunks: Uint8Array[], count: number): Uint8Array {
  const frame = new Uint8Array(count);
  let at = 0;
  while (at < count) {
    const [first] = chunks;
    if (first === undefined) break;
    const part = first.subarray(0, count - at);
    frame.set(part, at);
    at += part.length;
    if (part.length === first.length) chunks.shift();
    else chunks[0] = first.subarray(part.length);
  }
  return frame;
}
