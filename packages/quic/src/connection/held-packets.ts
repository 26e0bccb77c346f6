import type { BackendAddress } from '../backends/backend.js';

/** As many as a socket's own buffer would keep of one sender among a few. */
const MAX_BYTES = 1024 * 1024;
/** What each costs besides: a datagram of 30 bytes is an object of 200. */
const OVERHEAD_BYTES = 512;

export interface HeldPacket {
  readonly packet: Uint8Array;
  readonly from: BackendAddress | undefined;
}

/** Packets of a connection that waits for the processor. What finds no room is lost, as it is when a socket is full. */
export class HeldPackets {
  private packets: HeldPacket[] = [];
  private next = 0;
  private bytes = 0;

  get waiting(): boolean {
    return this.next < this.packets.length;
  }

  /** Takes a copy; false when there is no room. */
  add(packet: Uint8Array, from: BackendAddress | undefined): boolean {
    const bytes = packet.length + OVERHEAD_BYTES;
    if (this.bytes + bytes > MAX_BYTES) return false;
    this.bytes += bytes;
    this.packets.push({ packet: Uint8Array.from(packet), from });
    return true;
  }

  /** The oldest; undefined when there is none. */
  take(): HeldPacket | undefined {
    const held = this.packets[this.next];
    this.next += 1;
    if (!this.waiting) this.clear();
    return held;
  }

  /** Room is made when all have been taken, so that nothing is moved. */
  clear(): void {
    this.packets = [];
    this.next = 0;
    this.bytes = 0;
  }
}
