/** More than this in such an interval is bulk; a user's own acknowledgements and limits stay far below it. */
const BULK_BYTES = 16 * 1024;
const BULK_INTERVAL_MS = 50;

/** Tells how long ago much was sent. Pure; times in ms. */
export class BulkWatch {
  private lastBulkMs = -Infinity;
  /** Bytes in the running interval, and when it began. */
  private intervalBytes = 0;
  private intervalMs = -Infinity;

  sent(bytes: number, now: number): void {
    if (now - this.intervalMs > BULK_INTERVAL_MS) {
      this.intervalMs = now;
      this.intervalBytes = 0;
    }
    this.intervalBytes += bytes;
    if (this.intervalBytes > BULK_BYTES) this.lastBulkMs = now;
  }

  quietFor(now: number): number {
    return now - this.lastBulkMs;
  }
}
