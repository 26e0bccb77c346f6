import type { KwikError, PathTransportHandler, TransportCloseInfo } from '@kwik/wire';
import type { BackendConnection } from '../backends/backend.js';
import { ClosingDatagram, closeInfo, type CloseRequest } from './close-info.js';

/** How long `close` waits for window and pacing to let out what was written. */
const FLUSH_MS = 1_000;
/** How long a close frame may wait for room in the congestion window, which a vanished peer never makes. */
const LEAVE_MS = 500;
/** A close frame must fit one datagram. */
const MAX_REASON_LENGTH = 256;

/** `flushing`: the application has closed it, and what it wrote before may still leave. */
export type Phase = 'handshake' | 'open' | 'flushing' | 'ended';

/**
 * From the handshake to the end of a connection: who wanted the end, whether its close frame has left, and what its user
 * is told.
 */
export class Lifecycle {
  private current: Phase = 'handshake';
  private request: CloseRequest | undefined;
  private failure: KwikError | undefined;
  /** The backend was told to close. */
  private closing = false;
  private giveUpMs = Infinity;
  private untold: TransportCloseInfo | undefined;
  private readonly datagram = new ClosingDatagram();

  constructor(private readonly backend: BackendConnection) {}

  get phase(): Phase {
    return this.current;
  }

  /** The error on this side that ends it. */
  get error(): KwikError | undefined {
    return this.failure;
  }

  /** When to look again, ms. */
  get dueMs(): number {
    return this.closing ? this.giveUpMs : (this.request?.dueMs ?? Infinity);
  }

  /** The connection may be used. */
  open(): void {
    this.current = 'open';
  }

  /** The application closes it; what was written may leave before. False when it is not open. */
  close(code: number, reason: string, now: number): boolean {
    if (this.current !== 'open') return false;
    this.request = { code, reason: reason.slice(0, MAX_REASON_LENGTH), dueMs: now + FLUSH_MS };
    this.current = 'flushing';
    return true;
  }

  /** Ends it for an error on this side, of which the peer is told `transportCode`. False when it is ending already. */
  fail(error: KwikError, transportCode: number, now: number): boolean {
    if (this.current === 'ended' || this.failure !== undefined) return false;
    this.failure = error;
    this.tellBackend(false, transportCode, '', now);
    return true;
  }

  /** Nothing more will come of it. */
  isOver(now: number): boolean {
    return this.backend.draining() || this.backend.closed() || now >= this.giveUpMs;
  }

  /** Once what was written has left, or has had its time: the close frame of `close` is to be sent. */
  closeWhenFlushed(isDrained: () => boolean, now: number): boolean {
    if (this.current !== 'flushing' || this.request === undefined || this.closing) return false;
    if (now < this.request.dueMs && !isDrained()) return false;
    this.tellBackend(true, this.request.code, this.request.reason, now);
    return true;
  }

  /**
   * Ends it when it is over: what its user is to be told, if so. What came before the end waits, as the end does, until
   * somebody is there to hear of it.
   */
  end(hasHandler: boolean, now: number): TransportCloseInfo | undefined {
    if (this.current === 'ended' || !this.isOver(now)) return undefined;
    if (this.current === 'open' && !hasHandler && this.failure === undefined) return undefined;
    const info = closeInfo(this.backend, this.request, this.failure);
    if (this.current !== 'handshake') this.untold = info;
    this.current = 'ended';
    return info;
  }

  /** A handshake that was never complete ended for this reason: whoever closed it is no peer that anybody has judged. */
  explain(error: KwikError | undefined): void {
    const { untold } = this;
    if (error === undefined || untold === undefined || untold.by === 'local') return;
    const { message: reason } = error;
    this.untold = untold.by === 'peer' ? { by: 'error', code: 0, reason, error } : { ...untold, reason, error };
  }

  /** Of the end, once. */
  tell(handler: Pick<PathTransportHandler, 'onClose'>): void {
    const info = this.untold;
    this.untold = undefined;
    if (info !== undefined) handler.onClose(info);
  }

  /** A datagram leaves; the last one after closing holds the close frame. */
  onDatagram(slot: Uint8Array, bytes: number): void {
    if (this.closing) this.datagram.remember(slot, bytes);
  }

  /** A packet of the peer came after the end: puts the datagram to answer it with, if any, into `slot`. Its bytes. */
  answer(slot: Uint8Array): number {
    const { last } = this.datagram;
    if (last === undefined || !this.datagram.shouldResend()) return 0;
    slot.set(last);
    return last.length;
  }

  private tellBackend(application: boolean, code: number, reason: string, now: number): void {
    this.closing = true;
    if (this.giveUpMs === Infinity) this.giveUpMs = now + LEAVE_MS;
    this.backend.close(application, code, reason);
  }
}
