import { afterEach, describe, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import type { DatagramHandlers, DatagramSocket, DatagramSource } from '../socket/datagram-socket.js';

const SLOT_BYTES = 1350;
const PATIENCE_MS = 10_000;

export interface Received {
  readonly bytes: Buffer;
  readonly from: DatagramSource;
}

/** A socket, and what it has heard. */
export class SocketProbe implements DatagramHandlers {
  readonly received: Received[] = [];
  readonly errors: string[] = [];
  onReceived: (() => void) | undefined;

  constructor(readonly socket: DatagramSocket) {
    socket.open(this);
  }

  onDatagram(datagram: Buffer, from: DatagramSource): void {
    this.received.push({ bytes: Buffer.from(datagram), from });
    this.onReceived?.();
  }

  onError(error: NodeJS.ErrnoException): void {
    this.errors.push(error.code ?? error.message);
  }

  /** Submits a datagram that begins with `tag` and is filled with it. */
  submit(tag: number, bytes: number, to: DatagramSocket, address = to.address.address): void {
    fill(this.socket.from().slot(Math.max(SLOT_BYTES, bytes)), tag, bytes);
    this.socket.from().submit(Math.max(SLOT_BYTES, bytes), bytes, to.address.port, address);
  }

  async hears(count: number): Promise<void> {
    const giveUp = performance.now() + PATIENCE_MS;
    while (this.received.length < count) {
      if (performance.now() > giveUp) throw new Error(`${this.received.length} of ${count} datagrams came`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get tags(): number[] {
    return this.received.map(({ bytes }) => bytes.readUInt16LE(0));
  }
}

function fill(slot: Buffer, tag: number, bytes: number): void {
  slot.fill(tag & 0xff, 0, bytes);
  slot.writeUInt16LE(tag, 0);
}

/** What every socket must do. `bind` makes one on an address, at a port of the system's choice. */
export function describeDatagramSocketContract(
  name: string,
  bind: (host: string, port?: number) => DatagramSocket,
): void {
  const open: DatagramSocket[] = [];
  const make = (host = '127.0.0.1'): SocketProbe => {
    const socket = bind(host);
    open.push(socket);
    return new SocketProbe(socket);
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((socket) => socket.close()));
  });

  describe(`a datagram socket: ${name}`, () => {
    test.each([
      ['IPv4', '127.0.0.1'],
      ['IPv6', '::1'],
    ])('says where it is bound, and who sent what: %s', async (family, host) => {
      const [one, other] = [make(host), make(host)];
      expect(one.socket.address).toEqual({ address: host, family, port: expect.any(Number) });
      one.submit(7, 100, other.socket);
      one.socket.flush();
      await other.hears(1);
      expect(other.received[0]?.bytes).toEqual(Buffer.from([7, 0, ...Array<number>(98).fill(7)]));
      expect(other.received[0]?.from).toMatchObject({ address: host, port: one.socket.address.port });
    });

    test('a socket on :: and one on an IPv4 address reach each other', async () => {
      const [any, four] = [make('::'), make()];
      any.submit(1, 10, four.socket, '::ffff:127.0.0.1');
      any.socket.flush();
      await four.hears(1);
      four.socket.from().send(Buffer.from([2, 0]), any.socket.address.port, '127.0.0.1');
      await any.hears(1);
      expect(any.received[0]?.from).toMatchObject({ address: '::ffff:127.0.0.1', port: four.socket.address.port });
    });

    test('hundreds of datagrams of all lengths, to several addresses in turn, arrive whole and in order', async () => {
      const [sender, ...others] = [make(), make(), make(), make()];
      const sent = others.map(() => [] as number[][]);
      for (let tag = 0; tag < 600; tag += 1) {
        // Runs of one length, short ones in between, and changes of address at uneven places.
        const bytes = tag % 17 === 0 ? 2 + (tag % 300) : tag % 5 === 0 ? 1349 : 1350;
        const index = Math.floor(tag / 7) % others.length;
        sender.submit(tag, bytes, others[index]!.socket);
        sent[index]!.push([tag, bytes]);
        if (tag % 64 === 63) {
          sender.socket.flush();
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      sender.socket.flush();
      for (const [index, other] of others.entries()) {
        await other.hears(sent[index]!.length);
        expect(other.received.map(({ bytes }) => [bytes.readUInt16LE(0), bytes.length])).toEqual(sent[index]);
        const isWhole = ({ bytes }: Received): boolean =>
          bytes.subarray(2).every((byte) => byte === (bytes.readUInt16LE(0) & 0xff));
        expect(other.received.every(isWhole)).toBe(true);
      }
    });

    test('more than its memory holds is sent without a flush in between', async () => {
      const [sender, other] = [make(), make()];
      for (let tag = 0; tag < 300; tag += 1) sender.submit(tag, 1350, other.socket);
      sender.socket.flush();
      await other.hears(300);
      expect(other.tags).toEqual(Array.from({ length: 300 }, (_, tag) => tag));
    });

    test('the largest datagrams pass, beside the smallest', async () => {
      const [sender, other] = [make(), make()];
      for (const [tag, bytes] of [2, 65_507, 9_000, 16_383, 16_383, 2].entries()) {
        sender.submit(tag, bytes, other.socket);
        sender.socket.flush();
        await other.hears(tag + 1);
      }
      expect(other.received.map(({ bytes }) => bytes.length)).toEqual([2, 65_507, 9_000, 16_383, 16_383, 2]);
    });

    test.each([
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '::1'],
      ['::', '::ffff:127.0.0.1'],
    ])('what it says of a route passes whole: from %s to %s', async (host, address) => {
      const [sender, other] = [make(host), make(host)];
      const bytes = sender.socket.routeDatagramBytes(address);
      if (bytes === undefined) expect(sender.socket.io).toBe('dgram');
      else expect(bytes).toBeGreaterThanOrEqual(1232);
      sender.submit(1, bytes ?? 1232, other.socket, address);
      sender.socket.flush();
      await other.hears(1);
      expect(other.received[0]?.bytes).toHaveLength(bytes ?? 1232);
    });

    test('of a route that there is not it says nothing', () => {
      expect(make().socket.routeDatagramBytes('192.0.2.1')).toBeUndefined();
    });

    test('a slot stays where it is until it is submitted', async () => {
      const { socket } = make();
      const slot = socket.from().slot(SLOT_BYTES);
      expect(slot).toHaveLength(SLOT_BYTES);
      expect(socket.from().slot(SLOT_BYTES)).toBe(slot);
      socket.from().submit(SLOT_BYTES, 10, socket.address.port, '127.0.0.1');
      expect(socket.from().slot(SLOT_BYTES)).not.toBe(slot);
    });

    test('a callback hears of the outcome, later', async () => {
      const sender = make();
      const outcomes: (Error | null)[] = [];
      const callback = (error: Error | null): void => void outcomes.push(error);
      sender.socket.from().slot(SLOT_BYTES);
      sender.socket.from().submit(SLOT_BYTES, 20, sender.socket.address.port, '127.0.0.1', callback);
      // A socket on loopback has no way to other machines.
      sender.socket.from().slot(SLOT_BYTES);
      sender.socket.from().submit(SLOT_BYTES, 20, 9, '192.0.2.1', callback);
      sender.socket.flush();
      expect(outcomes).toEqual([]);
      await sender.hears(1);
      await pause(50);
      expect(outcomes[0]).toBeNull();
      expect(outcomes[1]).toMatchObject({ code: expect.stringMatching(/^E[A-Z]+$/) });
    });

    test('what cannot be sent is counted and stops nothing; nor do ports where nobody listens', async () => {
      const [sender, other, gone] = [make(), make(), make()];
      await gone.socket.close();
      for (let round = 0; round < 20; round += 1) {
        sender.submit(1, 100, gone.socket);
        sender.submit(2, 100, other.socket, '192.0.2.1');
        sender.submit(3, 100, other.socket);
        sender.socket.flush();
        await other.hears(round + 1);
      }
      expect(new Set(other.tags)).toEqual(new Set([3]));
    });

    test('closed by who hears a datagram, it tells of no other, and sends no more', async () => {
      const [sender, other] = [make(), make()];
      other.onReceived = () => {
        if (other.received.length === 3) void other.socket.close();
      };
      for (let tag = 0; tag < 50; tag += 1) sender.submit(tag, 1350, other.socket);
      sender.socket.flush();
      await other.hears(3);
      await pause(20);
      expect(other.received).toHaveLength(3);
      other.submit(1, 10, sender.socket);
      other.socket.flush();
      other.socket.from().send(Buffer.of(1, 1), sender.socket.address.port, '127.0.0.1');
      await other.socket.close();
      expect([sender.received.length, other.socket.from().congested()]).toEqual([0, false]);
    });

    test('what was submitted leaves before it closes', async () => {
      const [sender, other] = [make(), make()];
      for (let tag = 0; tag < 5; tag += 1) sender.submit(tag, 500, other.socket);
      await sender.socket.close();
      await other.hears(5);
    });

    test('an address or port that cannot be had is refused with its reason', () => {
      const { socket } = make();
      expect(() => bind('127.0.0.1', socket.address.port)).toThrow(
        expect.objectContaining({
          code: 'ERR_KWIK_INVALID_ARGUMENT',
          message: expect.stringContaining('another program has it'),
          cause: expect.objectContaining({ code: 'EADDRINUSE' }),
        }),
      );
      expect(() => bind('192.0.2.1')).toThrow(/no such address/);
    });
  });
}
