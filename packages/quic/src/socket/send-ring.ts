import { KwikError } from '@kwik/wire';

/** Datagrams written before their memory is used again: while the kernel takes all at once few do, at an idle socket. */
const FIRST_SLOTS = 8;
/** As many as a turn of the loop sends. */
const MAX_SLOTS = 64;

/**
 * Memory for outgoing datagrams. The kernel copies a datagram that `node:dgram` could send at once, so its slot is free
 * again; only when the socket was full and libuv queued it, the slot must stay as it is. The socket's queue length
 * tells which, once per round of the ring, so that no callback is needed per packet.
 */
export class SendRing {
  private slots: Buffer[];
  private next = 0;

  constructor(
    private readonly slotBytes: number,
    private readonly queuedCount: () => number,
  ) {
    this.slots = makeSlots(slotBytes, FIRST_SLOTS);
  }

  /** The slot for the next datagram; valid until the next call. */
  slot(): Buffer {
    if (this.next === this.slots.length) this.restart();
    const slot = this.slots[this.next];
    if (slot === undefined) throw new KwikError('ERR_KWIK_INTERNAL', 'the ring of send buffers is empty');
    return slot;
  }

  /** The slot that `slot` gave out was handed to the socket. */
  advance(): void {
    this.next += 1;
  }

  private restart(): void {
    // libuv still holds some: leave them the old ring and begin a new one.
    if (this.queuedCount() > 0) this.slots = makeSlots(this.slotBytes, Math.min(2 * this.slots.length, MAX_SLOTS));
    this.next = 0;
  }
}

function makeSlots(bytes: number, count: number): Buffer[] {
  const memory = Buffer.allocUnsafeSlow(bytes * count);
  return Array.from({ length: count }, (_, i) => memory.subarray(i * bytes, (i + 1) * bytes));
}

/** Datagrams after which the socket is asked whether it keeps up. */
const CHECK_EVERY = 16;

/** The rings of an endpoint, one per size of datagram, and whether the kernel keeps up with them. */
export class SendRings {
  private readonly rings = new Map<number, SendRing>();
  private sinceCheck = 0;
  private full = false;

  constructor(private readonly queuedCount: () => number) {}

  ring(datagramBytes: number): SendRing {
    let ring = this.rings.get(datagramBytes);
    if (ring === undefined) {
      ring = new SendRing(datagramBytes, this.queuedCount);
      this.rings.set(datagramBytes, ring);
    }
    return ring;
  }

  /** A datagram was handed to the socket. */
  submitted(): void {
    this.sinceCheck += 1;
    if (this.sinceCheck < CHECK_EVERY) return;
    this.sinceCheck = 0;
    this.full = this.queuedCount() > 0;
  }

  /** The kernel takes no more for now: libuv would queue without bound. */
  congested(): boolean {
    if (this.full) this.full = this.queuedCount() > 0;
    return this.full;
  }
}
