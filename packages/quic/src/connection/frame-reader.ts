/** What is told of the frames of a packet. */
export interface FrameObserver {
  onStreamFrame(id: number, offset: number, bytes: number): void;
  onCryptoFrame(bytes: number): void;
  onNewConnectionId(): void;
  onPathChallenge(): void;
}

/** RFC 9000, section 19. */
const ACK = 0x02;
const ACK_ECN = 0x03;
const CRYPTO = 0x06;
const NEW_TOKEN = 0x07;
const STREAM = 0x08;
const STREAM_LAST = 0x0f;
const NEW_CONNECTION_ID = 0x18;
const PATH_CHALLENGE = 0x1a;
const PATH_RESPONSE = 0x1b;
const RESET_TOKEN_BYTES = 16;
const PATH_DATA_BYTES = 8;
/** Numbers in the frames that hold nothing else, by type. */
const NUMBERS: Readonly<Record<number, number>> = {
  0x01: 0, // PING
  0x04: 3, // RESET_STREAM
  0x05: 2, // STOP_SENDING
  0x10: 1, // MAX_DATA
  0x11: 2, // MAX_STREAM_DATA
  0x12: 1, // MAX_STREAMS, bidirectional
  0x13: 1, // MAX_STREAMS, unidirectional
  0x14: 1, // DATA_BLOCKED
  0x15: 2, // STREAM_DATA_BLOCKED
  0x16: 1, // STREAMS_BLOCKED, bidirectional
  0x17: 1, // STREAMS_BLOCKED, unidirectional
  0x19: 1, // RETIRE_CONNECTION_ID
  0x1e: 0, // HANDSHAKE_DONE
};

/**
 * Walks over the frames of a decrypted packet. It judges nothing, for the backend has parsed them before: at a frame
 * that it does not know, and at CONNECTION_CLOSE, it stops. It allocates nothing.
 */
export class FrameReader {
  private at = 0;

  read(packet: Uint8Array, from: number, to: number, observer: FrameObserver): void {
    this.at = from;
    while (this.at < to) {
      // Padding comes by the hundred.
      if (packet[this.at] === 0) this.at += 1;
      else if (!this.readFrame(packet, to, observer)) return;
    }
  }

  private readFrame(packet: Uint8Array, to: number, observer: FrameObserver): boolean {
    const type = this.number(packet);
    if (type >= STREAM && type <= STREAM_LAST) this.readStream(packet, type, to, observer);
    else if (type === ACK || type === ACK_ECN) this.skipAck(packet, type, to);
    else if (type === CRYPTO) {
      this.skipNumbers(packet, 1);
      observer.onCryptoFrame(this.skipBytes(packet));
    } else if (type === NEW_CONNECTION_ID) {
      this.skipNumbers(packet, 2);
      this.at += 1 + (packet[this.at] ?? 0) + RESET_TOKEN_BYTES;
      observer.onNewConnectionId();
    } else if (type === PATH_CHALLENGE || type === PATH_RESPONSE) {
      this.at += PATH_DATA_BYTES;
      if (type === PATH_CHALLENGE) observer.onPathChallenge();
    } else if (type === NEW_TOKEN) this.skipBytes(packet);
    else {
      const numbers = NUMBERS[type];
      if (numbers === undefined) return false;
      this.skipNumbers(packet, numbers);
    }
    return true;
  }

  private readStream(packet: Uint8Array, type: number, to: number, observer: FrameObserver): void {
    const id = this.number(packet);
    const offset = (type & 0x04) === 0 ? 0 : this.number(packet);
    const bytes = (type & 0x02) === 0 ? to - this.at : this.number(packet);
    this.at += bytes;
    observer.onStreamFrame(id, offset, bytes);
  }

  private skipAck(packet: Uint8Array, type: number, to: number): void {
    this.skipNumbers(packet, 2);
    const ranges = this.number(packet);
    this.skipNumbers(packet, 1);
    for (let left = ranges; left > 0 && this.at < to; left -= 1) this.skipNumbers(packet, 2);
    if (type === ACK_ECN) this.skipNumbers(packet, 3);
  }

  private skipBytes(packet: Uint8Array): number {
    const bytes = this.number(packet);
    this.at += bytes;
    return bytes;
  }

  private skipNumbers(packet: Uint8Array, count: number): void {
    for (let left = count; left > 0; left -= 1) this.at += 1 << ((packet[this.at] ?? 0) >> 6);
  }

  /** RFC 9000, section 16. Past 2^53 it is not exact. */
  private number(packet: Uint8Array): number {
    const first = packet[this.at] ?? 0;
    const end = this.at + (1 << (first >> 6));
    let value = first & 0x3f;
    for (let at = this.at + 1; at < end; at += 1) value = value * 256 + (packet[at] ?? 0);
    this.at = end;
    return value;
  }
}
