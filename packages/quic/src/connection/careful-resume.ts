/** What a path to a peer carried when it was last seen full. */
export interface PathMemo {
  /** Half of a BBR window: bandwidth times lowest RTT. */
  readonly pipeBytes: number;
  readonly rttMs: number;
}

/** What a connection begins from that knows its path. */
export interface ResumedPath extends PathMemo {
  /** The path does not carry that any more. */
  onRetreat(): void;
}

/** What the start of a connection is judged by; bytes since the handshake. */
export interface StartProgress {
  readonly cwndBytes: number;
  readonly rttMs: number;
  readonly deliveredBytes: number;
  readonly lostBytes: number;
}

/** RFC 9959: with an RTT outside of these shares of the one remembered it is another path. */
const LEAST_RTT_SHARE = 0.5;
const MOST_RTT_SHARE = 10;
/** Of what got through before something was lost, what a retreat begins again from. */
const RETREAT_SHARE = 0.5;
/** A window after a retreat grows by so much of what is delivered: by half in a round trip. */
const RETREAT_GROWTH = 0.5;

/**
 * Careful resume (RFC 9959). The backend's window is what the path carried before from the beginning, since it can be given
 * only then; the window that pacing reckons with is not. It begins as any first window and grows by what is delivered
 * (reconnaissance). When as much as that window has arrived, nothing was lost, the RTT is what it was and a jump would bring
 * more, it jumps (unvalidated), and is the backend's once as much as the jump has arrived. Whatever is lost before takes it down
 * to half of what got through (safe retreat), from where it grows slowly. Pure.
 */
export class CarefulResume {
  private phase: 'reconnaissance' | 'slow start' | 'unvalidated' | 'retreat' | 'normal' = 'reconnaissance';
  /** At the phase's beginning; slow start goes on from where reconnaissance began. */
  private deliveredBefore = 0;
  private latestBytes = 0;
  private retreatBytes = 0;

  constructor(
    private readonly firstBytes: number,
    private readonly path: ResumedPath,
  ) {}

  /** What pacing is to reckon with of the backend's window, bytes. */
  window(progress: StartProgress): number {
    this.advance(progress);
    this.latestBytes = progress.deliveredBytes;
    const delivered = progress.deliveredBytes - this.deliveredBefore;
    switch (this.phase) {
      case 'reconnaissance':
      case 'slow start':
        return Math.min(progress.cwndBytes, this.firstBytes + delivered);
      case 'unvalidated':
        return Math.min(progress.cwndBytes, this.jumpBytes);
      case 'retreat':
        return Math.min(progress.cwndBytes, this.retreatBytes + RETREAT_GROWTH * delivered);
      case 'normal':
        return progress.cwndBytes;
    }
  }

  /** It is another path: begins on it as any connection does. */
  leave(): void {
    this.phase = 'slow start';
    this.deliveredBefore = this.latestBytes;
  }

  private get jumpBytes(): number {
    return Math.max(this.firstBytes, this.path.pipeBytes);
  }

  private advance({ cwndBytes, rttMs, deliveredBytes, lostBytes }: StartProgress): void {
    const isSame = rttMs >= LEAST_RTT_SHARE * this.path.rttMs && rttMs <= MOST_RTT_SHARE * this.path.rttMs;
    switch (this.phase) {
      case 'reconnaissance':
        if (lostBytes > 0) this.phase = 'slow start';
        else if (deliveredBytes < this.firstBytes) return;
        else if (isSame && this.jumpBytes > this.firstBytes + deliveredBytes) this.enter('unvalidated', deliveredBytes);
        else this.phase = 'slow start';
        return;
      case 'unvalidated':
        if (lostBytes > 0) this.retreat(deliveredBytes);
        else if (deliveredBytes - this.deliveredBefore >= this.jumpBytes) this.phase = 'normal';
        return;
      case 'slow start':
        if (this.firstBytes + deliveredBytes - this.deliveredBefore >= cwndBytes) this.phase = 'normal';
        return;
      case 'retreat': {
        const grown = RETREAT_GROWTH * (deliveredBytes - this.deliveredBefore);
        if (this.retreatBytes + grown >= cwndBytes) this.phase = 'normal';
        return;
      }
      case 'normal':
    }
  }

  private retreat(deliveredBytes: number): void {
    this.retreatBytes = Math.max(this.firstBytes, RETREAT_SHARE * (deliveredBytes - this.deliveredBefore));
    this.enter('retreat', deliveredBytes);
    this.path.onRetreat();
  }

  private enter(phase: 'unvalidated' | 'retreat', deliveredBytes: number): void {
    this.phase = phase;
    this.deliveredBefore = deliveredBytes;
  }
}
