import { KwikError } from '@kwik/wire';

/** The peer hears of a new limit when it is better than the last by this share of the window, … */
const UPDATE_SHARE = 0.25;
/** … or by this share of what the peer could then send. */
const LEFT_SHARE = 0.5;

/**
 * The connection flow control of one path (RFC 9000, section 4.1), in both directions: how many bytes of all its streams may
 * travel. Each server has a window of its own with the client, so that no pair of writers can starve each other. Content
 * ranges are outside it: the request for a range is its credit.
 */
export class PathFlowControl {
  readonly #windowBytes: number;
  #sent = 0;
  #peerMax: number;
  #received = 0;
  #consumed = 0;
  #advertised: number;

  constructor(options: { windowBytes: number; peerWindowBytes: number }) {
    this.#windowBytes = options.windowBytes;
    this.#advertised = options.windowBytes;
    this.#peerMax = options.peerWindowBytes;
  }

  /** Bytes that may be sent now. */
  get sendCredit(): number {
    return this.#peerMax - this.#sent;
  }

  get peerMax(): number {
    return this.#peerMax;
  }

  /** Bytes that came and were not read yet. */
  get heldBytes(): number {
    return this.#received - this.#consumed;
  }

  onSent(bytes: number): void {
    this.#sent += bytes;
  }

  handleMax(max: number): void {
    this.#peerMax = Math.max(this.#peerMax, max);
  }

  onReceived(bytes: number): void {
    this.#received += bytes;
    if (this.#received > this.#advertised) {
      throw new KwikError(
        'ERR_KWIK_FLOW_CONTROL',
        `${this.#received} bytes came on a path whose window ends at ${this.#advertised}`,
      );
    }
  }

  /** Bytes were read, or dropped. Only those that came on this path count. */
  onConsumed(bytes: number): void {
    this.#consumed = Math.min(this.#received, this.#consumed + bytes);
  }

  /** The new limit, when it is worth a message to the peer, or `force` is set. */
  takeUpdate(force = false): number | undefined {
    const limit = this.#consumed + this.#windowBytes;
    // Where much lies unread the peer has little left, and would never come to read a share of the whole.
    const worthBytes = Math.min(this.#windowBytes * UPDATE_SHARE, (limit - this.#received) * LEFT_SHARE);
    if (!force && (limit <= this.#advertised || limit - this.#advertised < worthBytes)) return undefined;
    this.#advertised = Math.max(this.#advertised, limit);
    return this.#advertised;
  }
}
