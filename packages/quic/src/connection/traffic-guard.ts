import { KwikError } from '@kwik/wire';

/** Of each packet, for headers, acknowledgements and small control frames: free. */
const FREE_PER_PACKET_BYTES = 60;
/** Headers, retransmissions and window updates that go with data, per byte of it. */
const PER_DATA_BYTE = 1.5;
/** Acknowledgements of what was sent, per byte of it. */
const PER_SENT_BYTE = 0.25;
/** What leaks away with time: keep-alives, probes, sessions that chat. */
const LEAK_BYTES_PER_MS = 32;
/** Bytes that no data explains, beyond what may lie unread. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A packet may bring as little data as this and still count as useful. */
const DATA_PER_PACKET_BYTES = 20;
/** Acknowledgements per packet sent. */
const PER_SENT_PACKET = 2;
const LEAK_PACKETS_PER_MS = 0.5;
const MAX_PACKETS = 50_000;
/** Unread data comes in packets as well. */
const UNREAD_PER_PACKET_BYTES = 500;

/** What a connection has done, cumulative. */
export interface Traffic {
  readonly deliveredBytes: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
}

/**
 * Bounds traffic that brings nothing: floods of CRYPTO, NEW_CONNECTION_ID and other frames, for which quiche 0.18 keeps
 * memory without a bound of its own (CVE-2024-1410, CVE-2024-1765). The driver sees no frames; but it sees what packets
 * brought in stream data and what they may have answered. The rest goes into two leaky buckets, of bytes and of
 * packets. Pure.
 */
export class TrafficGuard {
  private total = 0;
  private bytes = 0;
  private packets = 0;
  private unjudged = 0;
  private last: Traffic = { deliveredBytes: 0, sentBytes: 0, sentPackets: 0 };

  /** `windowBytes`: data that may have been received and not yet read. */
  constructor(
    private readonly windowBytes: number,
    private settledMs: number,
  ) {}

  get receivedBytes(): number {
    return this.total;
  }

  /** Packets since `exceeded` was last asked. */
  get unjudgedPackets(): number {
    return this.unjudged;
  }

  onReceived(bytes: number): void {
    this.unjudged += 1;
    this.total += bytes;
    this.bytes += Math.max(0, bytes - FREE_PER_PACKET_BYTES);
    this.packets += 1;
  }

  /** The error to close with when too much came that nothing explains. */
  problem(traffic: Traffic, now: number): KwikError | undefined {
    if (!this.exceeded(traffic, now)) return undefined;
    const text = `the peer sent ${this.total} bytes, only ${traffic.deliveredBytes} of them stream data`;
    return new KwikError('ERR_KWIK_EXCESSIVE_LOAD', text);
  }

  /** Takes off what `traffic` explains; true when too much is left. */
  exceeded(traffic: Traffic, now: number): boolean {
    const ms = now - this.settledMs;
    const data = traffic.deliveredBytes - this.last.deliveredBytes;
    const sentBytes = traffic.sentBytes - this.last.sentBytes;
    const sentPackets = traffic.sentPackets - this.last.sentPackets;
    const bytes = PER_DATA_BYTE * data + PER_SENT_BYTE * sentBytes + LEAK_BYTES_PER_MS * ms;
    const packets = data / DATA_PER_PACKET_BYTES + PER_SENT_PACKET * sentPackets + LEAK_PACKETS_PER_MS * ms;
    this.bytes = Math.max(0, this.bytes - bytes);
    this.packets = Math.max(0, this.packets - packets);
    this.last = traffic;
    this.settledMs = now;
    this.unjudged = 0;
    return (
      this.bytes > MAX_BYTES + PER_DATA_BYTE * this.windowBytes ||
      this.packets > MAX_PACKETS + this.windowBytes / UNREAD_PER_PACKET_BYTES
    );
  }
}
