import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BASE_DATAGRAM_BYTES, DatagramSize, type SizeOptions, type SizeSample } from './datagram-size.js';

interface PathShape {
  readonly mtuBytes: number;
  readonly rttMs: number;
  /** Full datagrams in a millisecond. */
  readonly perMs: number;
  /** Whether the n-th datagram is lost by chance. */
  readonly loses?: (n: number) => boolean;
}

/** A bulk sender on a path that swallows what is too long, and a backend that declares losses as RFC 9002 says. */
class Transfer {
  now = 0;
  readonly sizes: DatagramSize;
  /** Datagrams longer than the MTU. */
  swallowed = 0;
  lost: SizeSample = { lostPackets: 0, lostBytes: 0 };
  private sentCount = 0;
  private sentBytes = 0;
  private settledBytes = 0;
  private inFlight: { readonly atMs: number; readonly bytes: number; readonly arrives: boolean }[] = [];

  constructor(
    readonly path: PathShape & { mtuBytes: number },
    maxBytes = 1350,
    options: SizeOptions = {},
  ) {
    this.sizes = new DatagramSize(maxBytes, options);
    // The handshake has given a round trip.
    this.sizes.sampled(this.lost, path.rttMs, 0, 0);
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 1) {
      this.hear();
      for (let i = 0; i < this.path.perMs; i++) this.send(this.sizes.slotBytes);
    }
  }

  /** An acknowledgement tells of all that was sent a round trip ago: what did not arrive is lost. */
  private hear(): void {
    const due = this.inFlight.filter(({ atMs }) => this.now - atMs >= this.path.rttMs);
    if (!due.some(({ arrives }) => arrives)) return;
    this.sizes.received(this.now);
    this.inFlight = this.inFlight.filter(({ atMs }) => this.now - atMs < this.path.rttMs);
    for (const { bytes, arrives } of due) {
      this.settledBytes += bytes;
      if (!arrives) {
        const { lostPackets, lostBytes } = this.lost;
        this.lost = { ...this.lost, lostPackets: lostPackets + 1, lostBytes: lostBytes + bytes };
      }
    }
    this.sizes.sampled(this.lost, this.path.rttMs, this.settledBytes, this.now);
  }

  private send(bytes: number): void {
    this.sentCount += 1;
    this.sentBytes += bytes;
    const fits = bytes <= this.path.mtuBytes;
    if (!fits) this.swallowed += 1;
    this.inFlight.push({ atMs: this.now, bytes, arrives: fits && this.path.loses?.(this.sentCount) !== true });
    this.sizes.sent(bytes, this.sentBytes, this.now);
  }
}

const oneIn = (share: number) => (n: number) => n % share === 0;

describe('a path that carries all', () => {
  test.each([
    { rttMs: 1, perMs: 40 },
    { rttMs: 20, perMs: 2 },
    { rttMs: 200, perMs: 1 },
  ])('$rttMs ms: full size after two round trips and 60 ms, and no datagram is lost for it', (shape) => {
    const transfer = new Transfer({ mtuBytes: 65_535, ...shape });
    expect(transfer.sizes.datagramBytes).toBe(BASE_DATAGRAM_BYTES);
    transfer.run(8 / shape.perMs + 2.5 * shape.rttMs + 60);
    expect(transfer.sizes.datagramBytes).toBe(1350);
    transfer.run(5000);
    expect(transfer.sizes).toMatchObject({ datagramBytes: 1350, slotBytes: 1350 });
  });

  test('one probe at a time: all others stay at what is known to pass', () => {
    const transfer = new Transfer({ mtuBytes: 1200, rttMs: 20, perMs: 5 });
    transfer.run(60);
    expect(transfer.swallowed).toBe(1);
  });

  test('who never fills datagrams never risks one', () => {
    const sizes = new DatagramSize(1350);
    for (let now = 0, sent = 0; now < 10_000; now += 10) {
      sizes.sent(600, (sent += 600), now);
      expect(sizes.slotBytes).toBe(BASE_DATAGRAM_BYTES);
    }
  });

  test('a configured size of 1200 is never exceeded; quiche never writes more than 16,383', () => {
    const small = new Transfer({ mtuBytes: 65_535, rttMs: 10, perMs: 5 }, 1200);
    small.run(2000);
    expect(small.sizes.slotBytes).toBe(1200);
    const large = new Transfer({ mtuBytes: 65_535, rttMs: 10, perMs: 5 }, 65_507);
    large.run(2000);
    expect(large.sizes.datagramBytes).toBe(16_383);
  });

  test.each([100, 30])('one datagram in %i lost by chance does not keep it small for long', (share) => {
    const transfer = new Transfer({ mtuBytes: 65_535, rttMs: 20, perMs: 3, loses: oneIn(share) });
    transfer.run(2500);
    expect(transfer.sizes.datagramBytes).toBe(1350);
  });
});

describe('a size that follows the route', () => {
  test('is used whole where the path is fast, and as on Ethernet where long datagrams would take long', () => {
    const start = (deliveryRateBytesPerSecond: number): Transfer => {
      const transfer = new Transfer({ mtuBytes: 65_535, rttMs: 20, perMs: 3 }, 16_000, { followsRoute: true });
      transfer.lost = { ...transfer.lost, deliveryRateBytesPerSecond };
      transfer.sizes.sampled(transfer.lost, 20, 0, 0);
      transfer.run(1000);
      return transfer;
    };
    expect(start(16_000_000).sizes.datagramBytes).toBe(16_000);
    const slow = start(15_000_000);
    expect(slow.sizes.datagramBytes).toBe(1472);
    slow.lost = { ...slow.lost, deliveryRateBytesPerSecond: 50_000_000 };
    slow.run(500);
    expect(slow.sizes.datagramBytes).toBe(16_000);
  });

  test.each([1500 - 28, 1500 - 48, 1492 - 28])(
    'a loopback or jumbo link that leads into %i: Ethernet is found next',
    (mtuBytes) => {
      const transfer = new Transfer({ mtuBytes, rttMs: 20, perMs: 3 }, 16_000, { followsRoute: true });
      transfer.run(900);
      expect(transfer.sizes.datagramBytes).toBe(1452);
      expect(transfer.swallowed).toBeLessThanOrEqual(2);
    },
  );
});

describe('what a path was found to carry', () => {
  test('is told when the search is over', () => {
    const told: number[] = [];
    const onSizeLimit = (bytes: number): void => void told.push(bytes);
    new Transfer({ mtuBytes: 1300, rttMs: 20, perMs: 3 }, 1472, { onSizeLimit }).run(900);
    expect(told).toEqual([1263]);
    new Transfer({ mtuBytes: 65_535, rttMs: 20, perMs: 3 }, 1472, { onSizeLimit }).run(900);
    expect(told).toHaveLength(1);
  });

  test.each([1200, 1268])(
    '%i is tried at once by the next connection, and nothing larger for ten minutes',
    (knownBytes) => {
      const told: number[] = [];
      const options = { knownBytes, onSizeLimit: (bytes: number): void => void told.push(bytes) };
      const transfer = new Transfer({ mtuBytes: 65_535, rttMs: 20, perMs: 1 }, 1472, options);
      transfer.run(5000);
      expect(transfer.sizes.datagramBytes).toBe(knownBytes);
      transfer.now += 600_000;
      transfer.run(500);
      expect(transfer.sizes.datagramBytes).toBe(1472);
      // What was only believed is not passed on.
      expect(told).toEqual([]);
    },
  );
});

describe('a path that carries less', () => {
  test.each([1200, 1250, 1274])('%i: stays at 1200, and few datagrams are lost for finding out', (mtuBytes) => {
    const transfer = new Transfer({ mtuBytes, rttMs: 20, perMs: 3 });
    transfer.run(1000);
    expect(transfer.sizes.datagramBytes).toBe(BASE_DATAGRAM_BYTES);
    expect(transfer.swallowed).toBeLessThanOrEqual(4);
    // Larger ones are tried again, ever more rarely: three times in a minute.
    transfer.run(60_000);
    expect(transfer.swallowed).toBeLessThanOrEqual(20);
  });

  test('halfway is found where it is worth it', () => {
    const transfer = new Transfer({ mtuBytes: 1280, rttMs: 20, perMs: 3 });
    transfer.run(1000);
    expect(transfer.sizes.datagramBytes).toBe(1275);
    const jumbo = new Transfer({ mtuBytes: 5000, rttMs: 20, perMs: 3 }, 9000);
    jumbo.run(3000);
    expect(jumbo.sizes.datagramBytes).toBeGreaterThan(4500);
    expect(jumbo.sizes.datagramBytes).toBeLessThanOrEqual(5000);
  });

  test('whatever is lost besides, no size above the MTU is ever taken to pass', () => {
    const shapes = fc.record({
      mtuBytes: fc.integer({ min: 1200, max: 1349 }),
      rttMs: fc.constantFrom(1, 15, 80),
      perMs: fc.constantFrom(1, 4, 20),
      share: fc.constantFrom(2, 7, 40, 1000),
    });
    fc.assert(
      fc.property(shapes, ({ share, ...shape }) => {
        const transfer = new Transfer({ ...shape, loses: oneIn(share) });
        for (let i = 0; i < 40; i++) {
          transfer.run(50);
          expect(transfer.sizes.datagramBytes).toBeLessThanOrEqual(shape.mtuBytes);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a path that begins to carry less', () => {
  function shrunk(toBytes: number): Transfer {
    const transfer = new Transfer({ mtuBytes: 65_535, rttMs: 20, perMs: 3 });
    transfer.run(500);
    expect(transfer.sizes.datagramBytes).toBe(1350);
    transfer.path.mtuBytes = toBytes;
    return transfer;
  }

  test('nothing is acknowledged of a sender that sends nothing small: its timer tells', () => {
    const transfer = shrunk(1272);
    transfer.run(300);
    transfer.sizes.timedOut(transfer.now);
    expect(transfer.sizes.datagramBytes).toBe(1350);
    transfer.sizes.timedOut(transfer.now + 100);
    expect(transfer.sizes.slotBytes).toBe(BASE_DATAGRAM_BYTES);
    transfer.run(3000);
    expect(transfer.sizes.datagramBytes).toBe(BASE_DATAGRAM_BYTES);
  });

  test('what is small still arrives, and all that is large is lost: no timer is needed', () => {
    const { sizes, now, lost } = shrunk(1272);
    let sentBytes = 10_000_000;
    for (let round = 1; round <= 4 && sizes.datagramBytes > BASE_DATAGRAM_BYTES; round++) {
      const atMs = now + 100 * round;
      for (let i = 0; i < 5; i++) sizes.sent(1350, (sentBytes += 1350), atMs);
      sizes.sent(80, (sentBytes += 80), atMs);
      sizes.received(atMs + 90);
      const counts = { lostPackets: lost.lostPackets + 5 * round, lostBytes: lost.lostBytes + 5 * round * 1350 };
      sizes.sampled(counts, 20, sentBytes, atMs + 90);
    }
    expect(sizes.datagramBytes).toBe(BASE_DATAGRAM_BYTES);
  });

  test('half of all lost is congestion, not a black hole', () => {
    const lossy = new Transfer({ mtuBytes: 65_535, rttMs: 20, perMs: 3, loses: (n) => n > 300 && n % 2 === 0 });
    lossy.run(1500);
    expect(lossy.sizes.datagramBytes).toBe(1350);
  });

  test('a single timeout is an ordinary loss, and progress forgives it', () => {
    const transfer = shrunk(65_535);
    for (let i = 0; i < 10; i++) {
      transfer.sizes.timedOut(transfer.now);
      transfer.run(100);
    }
    expect(transfer.sizes.datagramBytes).toBe(1350);
  });

  test('one timeout, and only what is small arrives then: it is noticed within a round trip more', () => {
    const transfer = shrunk(1272);
    transfer.run(20);
    // Nothing arrives any more, and the backend's timer fires.
    transfer.run(45);
    transfer.sizes.timedOut(transfer.now);
    expect(transfer.sizes.slotBytes).toBe(BASE_DATAGRAM_BYTES);
    transfer.run(25);
    expect(transfer.sizes.datagramBytes).toBe(BASE_DATAGRAM_BYTES);
  });

  test('so it is for who sends one large datagram at a time, at the second', () => {
    const sizes = shrunk(65_535).sizes;
    let [sentBytes, now] = [1_000_000, 10_000];
    const lost = { lostPackets: 0, lostBytes: 0 };
    sizes.received(now);
    sizes.sampled(lost, 20, sentBytes, now);
    for (let count = 1; count <= 2; count += 1) {
      expect(sizes.datagramBytes).toBe(1350);
      sizes.sent(1350, (sentBytes += 1350), (now += 100));
      sizes.timedOut((now += 50));
      expect(sizes.slotBytes).toBe(BASE_DATAGRAM_BYTES);
      sizes.sent(1200, (sentBytes += 1200), now);
      sizes.received((now += 20));
      sizes.sampled({ lostPackets: count, lostBytes: 1350 * count }, 20, sentBytes, now);
    }
    expect(sizes.datagramBytes).toBe(BASE_DATAGRAM_BYTES);
  });

  test('an outage makes datagrams small for a second, and no longer', () => {
    const transfer = shrunk(65_535);
    transfer.sizes.sent(1350, 20_000_000, transfer.now);
    transfer.sizes.timedOut(transfer.now);
    transfer.sizes.timedOut(transfer.now + 150);
    expect(transfer.sizes.datagramBytes).toBe(BASE_DATAGRAM_BYTES);
    transfer.run(900);
    expect(transfer.sizes.slotBytes).toBe(BASE_DATAGRAM_BYTES);
    transfer.run(400);
    expect(transfer.sizes.datagramBytes).toBe(1350);
  });
});
