/** What any connection may cost in handshake, acknowledgements, pings and retransmissions. */
const FREE_BYTES = 4 * 1024 * 1024;
/** Acknowledgements of what was sent: some 40 bytes for every one or two packets. */
const PER_SENT_BYTE = 0.25;
/** Headers and retransmissions of data: packets with little in them included. */
const PER_DATA_BYTE = 3;

/**
 * Bounds bytes that bring nothing: floods of CRYPTO, NEW_CONNECTION_ID and other frames, against which quiche 0.18 has
 * no bound of its own (CVE-2024-1410, CVE-2024-1765). The driver sees no frames, but it sees what datagrams brought in
 * stream data and what they answered. Pure.
 */
export class TrafficGuard {
  private received = 0;

  /** `windowBytes`: data that may have been received and not yet read. */
  constructor(private readonly windowBytes: number) {}

  get receivedBytes(): number {
    return this.received;
  }

  onReceived(bytes: number): void {
    this.received += bytes;
  }

  exceeded(deliveredBytes: number, sentBytes: number): boolean {
    const data = PER_DATA_BYTE * (deliveredBytes + this.windowBytes);
    return this.received > FREE_BYTES + data + PER_SENT_BYTE * sentBytes;
  }
}
