import { KwikError } from '@kwik/wire';

/** Datagrams written before their memory is used again; a turn of the loop sends about as many. */
const RING_SLOTS = 64;

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
    this.slots = makeSlots(slotBytes);
  }

  /** The slot for the next datagram; valid until the next call. */
  slot(): Buffer {
    if (this.next === RING_SLOTS) this.restart();
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
    if (this.queuedCount() > 0) this.slots = makeSlots(this.slotBytes);
    this.next = 0;
  }
}

function makeSlots(bytes: number): Buffer[] {
  const memory = Buffer.allocUnsafeSlow(bytes * RING_SLOTS);
  return Array.from({ length: RING_SLOTS }, (_, i) => memory.subarray(i * bytes, (i + 1) * bytes));
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
