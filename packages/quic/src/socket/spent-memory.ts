import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Smaller ones are left to the collector: acknowledgements are many, and their bytes few. */
const MIN_BYTES = 1024;
/** Given back together, for a call costs some microseconds, whatever it frees. */
const BATCH = 32;

/**
 * Gives memory back as soon as it was read, instead of when garbage is collected. Node reads each datagram into memory
 * of its own, and V8 begins a collection of the whole heap for every few megabytes of such memory that it believes to
 * be still in use. Buffers that are transferred to a port without another end are freed at once.
 */
export class SpentMemory {
  private batch: ArrayBuffer[] = [];
  private sink: MessagePort | undefined;

  /** Nobody may look at the bytes afterwards. Does nothing unless they are the whole of their memory. */
  release({ buffer, length }: Uint8Array): void {
    if (length < MIN_BYTES || length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
    this.batch.push(buffer);
    if (this.batch.length < BATCH) return;
    this.sink ??= closedPort();
    this.sink.postMessage(null, this.batch);
    this.batch = [];
  }
}

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}
