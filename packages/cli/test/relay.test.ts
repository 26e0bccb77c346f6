import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { dial, listen, type Listener, type Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import { Harness } from './harness.js';

jest.setTimeout(40_000);

let harness: Harness;
let before: string | undefined;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  harness = await Harness.create();
  before = process.env['KWIK_DATA_DIR'];
  // The relay, and the ends that this process has, are of one development authority.
  process.env['KWIK_DATA_DIR'] = harness.path('data');
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  if (before === undefined) delete process.env['KWIK_DATA_DIR'];
  else process.env['KWIK_DATA_DIR'] = before;
  await harness.close();
});

async function relayed(args: readonly string[]) {
  const relay = harness.start(['relay', '--listen', '127.0.0.1:0', ...args]);
  const [, address = ''] = await relay.printed(/listening(?: on |","address":")([\d.:]+)/u);
  return { relay, address };
}

async function primary(): Promise<Listener> {
  const listener = await listen();
  closers.push(() => listener.close({ force: true }));
  return listener;
}

async function client(listener: Listener, relays: readonly { address: string }[]): Promise<Session> {
  const session = await dial(`127.0.0.1:${listener.address().port}`, { paths: { relays } });
  closers.push(() => session.close(0, '', { timeoutMs: 0 }));
  return session;
}

const carrying = (session: Session): number => session.getActivePaths().filter(({ via }) => via !== undefined).length;

describe('kwik relay', () => {
  test('forwards for a primary that names it, and lets clients go before it stops', async () => {
    const { relay, address } = await relayed(['--anchor', '127.0.0.1', '--json']);
    const listener = await primary();
    const session = await client(listener, []);
    const server = await listener.accept();
    await server.addPath(address, { capabilities: ['relay'], reconnect: false });
    await until(() => carrying(session) === 1);
    relay.kill('SIGTERM');
    const { status, stdout } = await relay.ended;
    expect(status).toBe(0);
    expect(stdout).toMatch(/"event":"stopped","signal":"SIGTERM",.*"forwardedBytes":[1-9]/u);
    await until(() => carrying(session) === 0);
    expect(session.getActivePaths()).toHaveLength(1);
  });

  test('forwards for clients of its own to its anchors, and to nothing else', async () => {
    const open = await relayed(['--anchor', '127.0.0.1', '--for-clients']);
    const elsewhere = await relayed(['--anchor', '192.0.2.1:4433', '--for-clients']);
    const session = await client(await primary(), [{ address: open.address }, { address: elsewhere.address }]);
    await until(() => carrying(session) === 1);
    const refused = (): boolean => session.getDeadPaths().some(({ reason = '' }) => /does not forward/u.test(reason));
    await until(refused);
    expect(carrying(session)).toBe(1);
  });

  test('forwards for everybody only to what is named', async () => {
    const { status, stderr } = await harness.run(['relay', '--for-clients']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('--for-clients needs --anchor')]);
  });

  test('carries a tunnel, whose connections go on when one of two relays is killed', async () => {
    const content = randomBytes(4_000_000);
    const half = content.length / 2;
    const server = createServer((socket) => {
      socket.on('error', () => undefined).write(content.subarray(0, half));
      socket.once('data', () => socket.end(content.subarray(half)));
    });
    closers.push(async () => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const serve = harness.start(['serve', '--listen', '127.0.0.1:0', '--json', '--forward-allow', target]);
    const [, address = ''] = await serve.printed(/"address":"([^"]+)"/u);
    const relays = [
      await relayed(['--anchor', '127.0.0.1', '--for-clients', '--json']),
      await relayed(['--anchor', '127.0.0.1', '--for-clients', '--json']),
    ];
    const options = relays.flatMap((each) => ['--relay', each.address]);
    const tunnel = harness.start(['tunnel', address, '-L', `0:${target}`, ...options]);
    const [, port = ''] = await tunnel.printed(/listening on 127\.0\.0\.1:(\d+)/u);

    const socket = connect(Number(port), '127.0.0.1');
    closers.push(async () => void socket.destroy());
    const got: Buffer[] = [];
    let bytes = 0;
    socket.on('data', (chunk) => {
      got.push(chunk);
      bytes += chunk.length;
    });
    const ended = once(socket, 'end');
    await until(() => bytes >= half);
    relays[0]!.relay.kill('SIGKILL');
    socket.write('go on');
    await ended;
    expect(Buffer.concat(got).equals(content)).toBe(true);
    relays[1]!.relay.kill('SIGTERM');
    expect((await relays[1]!.relay.ended).stdout).toMatch(/"forwardedBytes":[1-9]/u);
  });
});
