import { KwikError } from '@kwik/wire';

const UPDATE_SHARE = 0.25;
/** And of what the peer could send with it. */
const LEFT_SHARE = 0.5;

/**
 * The session's window on one path, both directions: how many bytes of stream data may travel. Every server has its own
 * with the client, so that no pair of writers can starve each other; content ranges are outside it, their requests are
 * their credit.
 */
export class SessionWindow {
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
        `${this.#received} bytes came on a path whose session window ends at ${this.#advertised}`,
      );
    }
  }

  /** Bytes were read, or dropped. What came on another path counts for nothing here. */
  onConsumed(bytes: number): void {
    this.#consumed = Math.min(this.#received, this.#consumed + bytes);
  }

  takeUpdate(force = false): number | undefined {
    const limit = this.#consumed + this.#windowBytes;
    // Where much lies unread the peer has little left, and would never come to read a share of the whole.
    const worthBytes = Math.min(this.#windowBytes * UPDATE_SHARE, (limit - this.#received) * LEFT_SHARE);
    if (!force && (limit <= this.#advertised || limit - this.#advertised < worthBytes)) return undefined;
    this.#advertised = Math.max(this.#advertised, limit);
    return this.#advertised;
  }
}
