/** More than this in such an interval is bulk; a user's own acknowledgements and limits stay far below it. */
const BULK_BYTES = 16 * 1024;
const BULK_INTERVAL_MS = 50;

/** When something was last sent or received, and when much was sent. Pure; times in ms. */
export class SendActivity {
  private last = -Infinity;
  private lastBulkMs = -Infinity;
  /** Bytes in the running interval, and when it began. */
  private intervalBytes = 0;
  private intervalMs = -Infinity;

  /** When the backend was last given bytes, or a packet. */
  get lastMs(): number {
    return this.last;
  }

  received(now: number): void {
    this.last = now;
  }

  /** The backend was given `bytes` of stream data. */
  sent(bytes: number, now: number): void {
    this.last = now;
    if (now - this.intervalMs > BULK_INTERVAL_MS) {
      this.intervalMs = now;
      this.intervalBytes = 0;
    }
    this.intervalBytes += bytes;
    if (this.intervalBytes > BULK_BYTES) this.lastBulkMs = now;
  }

  /** Milliseconds since stream data in bulk was sent. */
  quietFor(now: number): number {
    return now - this.lastBulkMs;
  }
}
