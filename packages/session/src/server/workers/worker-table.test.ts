import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { Handover } from './handover.js';
import { WorkerTable } from './worker-table.js';

const FROM = { address: 'fe80::1%eth0', port: 65_535 };

describe('the table of workers', () => {
  const sent: number[] = [];
  const table = new WorkerTable(1, (port) => sent.push(port) > 0);
  const workers = [
    { worker: 1, handoverPort: 101, taking: true },
    { worker: 2, handoverPort: 102, taking: false },
    { worker: 5, handoverPort: 105, taking: true },
  ];

  test('leads to those that are there, and knows which are gone for good', () => {
    expect(table.hand(2, new Uint8Array(1), FROM)).toBe(false);
    table.update(workers, [3]);
    expect([table.hand(2, new Uint8Array(1), FROM), table.hand(4, new Uint8Array(1), FROM), sent]).toEqual([
      true,
      false,
      [102],
    ]);
    expect([1, 2, 3, 4].map((worker) => table.isKnown(worker))).toEqual([true, true, false, true]);
  });

  test('keeps whoever is new while it takes clients, and sends them to those who do when it does not', () => {
    table.update(workers, []);
    expect([table.newcomer(7, undefined), table.newcomer(7, 2), table.newcomer(7, 9)]).toEqual([1, 2, 5]);
    table.update(
      workers.map((one) => ({ ...one, taking: one.worker === 5 })),
      [],
    );
    expect([table.newcomer(7, undefined), table.newcomer(7, 1), table.newcomer(8, 9)]).toEqual([5, 1, 5]);
    table.update([], []);
    expect(table.newcomer(7, undefined)).toBe(1);
  });
});

describe('what is handed over', () => {
  const open: Handover[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  test('comes with its sender, and nothing comes from who does not know the secret', async () => {
    const secret = new Uint8Array(32).fill(1);
    const got: { text: string; from: unknown }[] = [];
    const take = (datagram: Uint8Array, from: unknown): void =>
      void got.push({ text: Buffer.from(datagram).toString(), from });
    const receiver = await Handover.open(secret, take);
    const sender = await Handover.open(secret, take);
    const stranger = await Handover.open(new Uint8Array(32).fill(2), take);
    open.push(receiver, sender, stranger);
    const socket = createSocket('udp4');
    for (const junk of ['', 'x', 'x'.repeat(17), 'x'.repeat(400)]) {
      socket.send(junk, receiver.port, '127.0.0.1');
    }
    expect(stranger.send(receiver.port, Buffer.from('forged'), FROM)).toBe(true);
    expect(sender.send(receiver.port, Buffer.from('whole'), { ...FROM, address: 'x'.repeat(81) })).toBe(false);
    expect(sender.send(receiver.port, Buffer.from('whole'), FROM)).toBe(true);
    await until(() => got.length > 0);
    socket.close();
    await once(socket, 'close');
    expect(got).toEqual([{ text: 'whole', from: FROM }]);
  });
});
