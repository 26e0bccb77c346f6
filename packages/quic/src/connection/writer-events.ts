import type { Sender } from './sender.js';
import type { StreamTable } from './stream-table.js';

/** How soon after a packet streams are asked whether their peer wants no more: once for all packets of that time. */
const STOP_CHECK_MS = 4;
/** After so long without a packet, the first is looked at in its own turn: another turn would cost more than that. */
const QUIET_MS = 50;

/** What writers of streams are told: that the peer wants no more, or that there is room again. */
export class WriterEvents {
  private checkMs = Infinity;
  private checkedMs = -Infinity;

  constructor(
    private readonly streams: StreamTable,
    private readonly sender: Sender,
  ) {}

  /** When `findStopped` has something to do, ms; Infinity when nothing came. */
  get dueMs(): number {
    return this.checkMs;
  }

  /** A STOP_SENDING may have come. It shows only when streams are asked for their capacity. */
  onReceived(now: number): void {
    if (this.checkMs !== Infinity || this.streams.all.size === 0) return;
    this.checkMs = now - this.checkedMs > QUIET_MS ? now : now + STOP_CHECK_MS;
  }

  findStopped(now: number): void {
    if (now < this.checkMs) return;
    this.checkMs = Infinity;
    this.checkedMs = now;
    this.streams.findStopped((stream, code) => {
      this.sender.stop(stream, code);
    });
  }

  /** Whether `tell` would have something to tell. */
  get pending(): boolean {
    for (const stream of this.streams.all.values()) {
      if (stream.pendingStop !== undefined) return true;
      if (stream.wantsWritable && this.sender.writableAgain(stream)) return true;
    }
    return false;
  }

  /** Calls handlers until all know, or one of them has closed the connection. */
  tell(closed: () => boolean): void {
    for (const stream of this.streams.all.values()) {
      if (closed()) return;
      if (stream.handler === undefined) continue;
      if (stream.pendingStop !== undefined) {
        const code = stream.pendingStop;
        stream.pendingStop = undefined;
        this.streams.settle(stream);
        stream.handler.onStopSending(code);
      } else if (stream.wantsWritable && this.sender.writableAgain(stream)) {
        stream.wantsWritable = false;
        stream.handler.onWritable();
      }
    }
  }
}
