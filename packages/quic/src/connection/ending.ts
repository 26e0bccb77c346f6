import type { KwikError, TransportCloseInfo } from '@kwik/wire';
import type { BackendConnection } from '../backends/backend.js';
import { ClosingDatagram, closeInfo, type CloseRequest } from './close-info.js';

/** How long `close` waits for window and pacing to let out what was written. */
const FLUSH_MS = 1_000;
/** How long a close frame may wait for room in the congestion window, which a vanished peer never makes. */
const LEAVE_MS = 500;
/** A close frame must fit one datagram. */
const MAX_REASON_LENGTH = 256;

/** How a connection comes to its end: who wanted it, whether its close frame has left, and what its user is told. */
export class Ending {
  private request: CloseRequest | undefined;
  private refusal: KwikError | undefined;
  private asked = false;
  private giveUpMs = Infinity;
  private untold: TransportCloseInfo | undefined;
  private readonly datagram = new ClosingDatagram();

  constructor(private readonly backend: BackendConnection) {}

  /** The error on this side that ended it. */
  get error(): KwikError | undefined {
    return this.refusal;
  }

  /** The backend was told to close. */
  get closing(): boolean {
    return this.asked;
  }

  /** When to look again, ms. */
  get dueMs(): number {
    return this.asked ? this.giveUpMs : (this.request?.dueMs ?? Infinity);
  }

  /** The application wants to close; what was written may leave before. */
  wish(code: number, reason: string, now: number): void {
    this.request = { code, reason: reason.slice(0, MAX_REASON_LENGTH), dueMs: now + FLUSH_MS };
  }

  /** Sends the close frame of `wish`, if it is time. True: there is a frame to be sent. */
  closeAsWished(drained: boolean, now: number): boolean {
    if (this.request === undefined || this.asked || (!drained && now < this.request.dueMs)) return false;
    this.close(true, this.request.code, this.request.reason, now);
    return true;
  }

  /** Ends it for an error on this side. False when it was failing already. */
  fail(error: KwikError, transportCode: number, now: number): boolean {
    if (this.refusal !== undefined) return false;
    this.refusal = error;
    this.close(false, transportCode, '', now);
    return true;
  }

  /** Nothing more will come of it. */
  isOver(now: number): boolean {
    return this.backend.draining() || this.backend.closed() || now >= this.giveUpMs;
  }

  /** What the user is to be told; kept until `takeUntold`. */
  conclude(): TransportCloseInfo {
    this.untold = closeInfo(this.backend, this.request, this.refusal);
    return this.untold;
  }

  takeUntold(): TransportCloseInfo | undefined {
    const info = this.untold;
    this.untold = undefined;
    return info;
  }

  /** A datagram leaves; the last one after closing holds the close frame. */
  onDatagram(slot: Uint8Array, bytes: number): void {
    if (this.asked) this.datagram.remember(slot, bytes);
  }

  /** A packet of the peer came after the end: puts the datagram to answer it with, if any, into `slot`. Its bytes. */
  answer(slot: Uint8Array): number {
    const { last } = this.datagram;
    if (last === undefined || !this.datagram.shouldResend()) return 0;
    slot.set(last);
    return last.length;
  }

  private close(application: boolean, code: number, reason: string, now: number): void {
    this.asked = true;
    if (this.giveUpMs === Infinity) this.giveUpMs = now + LEAVE_MS;
    this.backend.close(application, code, reason);
  }
}
