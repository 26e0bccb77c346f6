import { KwikError } from '@kwik/wire';
import type { FrameObserver } from './frame-reader.js';
import type { SmallPieces } from './small-pieces.js';

/** What quiche keeps for one piece of data that it cannot hand over yet, besides the data. */
const PIECE_OVERHEAD_BYTES = 150;
/**
 * For what never is of use to this side, in the whole life of a connection; nothing is given back. A server's session
 * tickets take a few kilobytes.
 */
const LIFETIME_BYTES = 256 * 1024;
/** Added with time, for connections that live for months and change their network twice a day. */
const LIFETIME_BYTES_PER_MS = 0.016;
/** quiche searches all the ids that it has yet to retire for each that comes, so 256 of them are quick, and no more. */
const CONNECTION_ID_BYTES = 1024;
/** quiche queues an answer to each without a bound of its own (CVE-2023-6193). */
const PATH_CHALLENGE_BYTES = 256;
/** Longer pieces of streams are bounded well enough by flow control. */
const SMALL_PIECE_BYTES = 512;

/**
 * What a peer has made quiche 0.18 keep, frame by frame: it sets no bound to data of CRYPTO frames behind a gap
 * (CVE-2024-1765), to connection ids that are retired at once (CVE-2024-1410), to path challenges (CVE-2023-6193), and to
 * the number of pieces that flow control lets through.
 */
export class PeerLedger implements FrameObserver {
  private spentBytes = 0;
  private unread = 0;
  private tooMany: string | undefined;

  /** `strangerBytes`: stream data that may lie unread until `accepted`; undefined when only flow control bounds it. */
  constructor(
    private readonly pieces: SmallPieces,
    private strangerBytes: number | undefined,
    private readonly beganMs: number,
  ) {}

  /** The application knows who the peer is. */
  accept(): void {
    this.strangerBytes = undefined;
  }

  onStreamFrame(id: number, offset: number, bytes: number): void {
    this.unread += bytes;
    if (bytes === 0 || bytes >= SMALL_PIECE_BYTES || this.pieces.add(id, offset)) return;
    this.tooMany ??= `${this.pieces.count} small pieces of streams that cannot be read yet`;
  }

  onCryptoFrame(bytes: number): void {
    this.spentBytes += PIECE_OVERHEAD_BYTES + bytes;
  }

  onNewConnectionId(): void {
    this.spentBytes += CONNECTION_ID_BYTES;
  }

  onPathChallenge(): void {
    this.spentBytes += PATH_CHALLENGE_BYTES;
  }

  /** The error to close with when the peer has taken too much; `deliveredBytes`: what the application has read. */
  problem(deliveredBytes: number, now: number): KwikError | undefined {
    if (this.spentBytes > LIFETIME_BYTES + (now - this.beganMs) * LIFETIME_BYTES_PER_MS) {
      return violation('more handshake data, connection ids and path challenges than any connection needs');
    }
    if (this.strangerBytes !== undefined && this.unread - deliveredBytes > this.strangerBytes) {
      return violation(`more than ${this.strangerBytes} bytes that cannot be read, before it said who it is`);
    }
    return this.tooMany === undefined ? undefined : violation(this.tooMany);
  }
}

function violation(what: string): KwikError {
  return new KwikError('ERR_KWIK_EXCESSIVE_LOAD', `the peer sent ${what}`);
}
