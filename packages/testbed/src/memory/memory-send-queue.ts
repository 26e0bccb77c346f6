import { Fifo } from '../queues/fifo.js';
import { frameBytes, PACKET_HEADER_BYTES, STREAM_FRAME_HEADER_BYTES, type ControlFrame, type Frame } from './packet.js';
import type { MemoryStream } from './stream.js';

/** Frames that wait to be put into packets: control frames first, then what was lost, then streams in turn. */
export class MemorySendQueue {
  readonly #control = new Fifo<ControlFrame>();
  readonly #lost = new Fifo<Frame>();
  #lostBytes = 0;
  readonly #ready = new Set<MemoryStream>();

  get isEmpty(): boolean {
    return this.#control.length === 0 && this.#lost.length === 0 && this.#ready.size === 0;
  }

  /** Bytes to be sent once more. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  pushControl(frame: ControlFrame): void {
    this.#control.push(frame);
  }

  pushLost(frame: Frame): void {
    this.#lost.push(frame);
    this.#lostBytes += frameBytes(frame);
  }

  ready(stream: MemoryStream): void {
    if (stream.hasUnsent) this.#ready.add(stream);
    else this.#ready.delete(stream);
  }

  /** Frames for one packet of `datagramBytes` at most; none when nothing waits. `wanted` says if a lost one still is. */
  next(datagramBytes: number, wanted: (frame: Frame) => boolean): Frame[] {
    const frames: Frame[] = [];
    let room = datagramBytes - PACKET_HEADER_BYTES;
    for (let frame = this.#control.peek(); frame !== undefined; frame = this.#control.peek()) {
      if (frameBytes(frame) > room) return frames;
      this.#control.shift();
      frames.push(frame);
      room -= frameBytes(frame);
    }
    for (let frame = this.#lost.peek(); frame !== undefined; frame = this.#lost.peek()) {
      if (wanted(frame)) {
        if (frameBytes(frame) > room) return frames;
        frames.push(frame);
        room -= frameBytes(frame);
      }
      this.#lost.shift();
      this.#lostBytes -= frameBytes(frame);
    }
    this.#fillFromStreams(frames, room);
    return frames;
  }

  #fillFromStreams(frames: Frame[], room: number): void {
    let left = room;
    for (const stream of this.#ready) {
      if (left <= STREAM_FRAME_HEADER_BYTES) return;
      this.#ready.delete(stream);
      for (let frame = stream.nextFrame(left - STREAM_FRAME_HEADER_BYTES); frame !== undefined; ) {
        frames.push(frame);
        left -= frameBytes(frame);
        frame = left > STREAM_FRAME_HEADER_BYTES ? stream.nextFrame(left - STREAM_FRAME_HEADER_BYTES) : undefined;
      }
      // Back to the end: streams take turns, a packet each. What is added here comes up again in this very loop only
      // while there is room, and then the stream has nothing left.
      this.ready(stream);
    }
  }
}
