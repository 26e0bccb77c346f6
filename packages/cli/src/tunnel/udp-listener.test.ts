import { createSocket, type Socket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import { Forwards } from '../forward/forwards.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { failureOf } from '../protocol/failures.js';
import { encodeMessage, readMessage } from '../protocol/framing.js';
import { UdpSessions } from '../protocol/udp-flows.js';
import { type ConnectUdpRequest, requestSchema } from '../protocol/messages.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { UdpListener } from './udp-listener.js';

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** One end of a session that carries datagrams at once, and nothing else. */
class DatagramEnd {
  maxDatagramSize = 16_384;
  other: DatagramEnd | undefined;
  readonly #came: Uint8Array[] = [];
  #wake: () => void = () => undefined;

  sendDatagram(data: Uint8Array): void {
    this.other?.arrive(Uint8Array.from(data));
  }

  arrive(data: Uint8Array): void {
    this.#came.push(data);
    this.#wake();
  }

  async *datagrams(): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield* this.#came.splice(0);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

async function udp(onMessage: (data: Buffer, answer: (data: Buffer) => void) => void = () => undefined) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => socket.close());
  socket.on('message', (data, { port, address }) => onMessage(data, (back) => socket.send(back, port, address)));
  const { port } = socket.address();
  return { socket, port };
}

const echo = (data: Buffer, answer: (data: Buffer) => void): void => answer(Buffer.from(`echo of ${String(data)}`));

/** A port here that leads to `target` by way of a server that forwards to `allowed`. */
async function scene(target: number, { allowed = target, idleMs = 60_000 } = {}) {
  const [client, server] = [new DatagramEnd(), new DatagramEnd()];
  client.other = server;
  server.other = client;
  const allowUdp = [{ host: '127.0.0.1', port: allowed }];
  const forwards = new Forwards({ allow: [], allowUdp, listen: [] });
  const ended = new AbortController();
  closers.push(() => ended.abort());
  const asked: ConnectUdpRequest[] = [];
  const answer = async (stream: MemoryStream): Promise<void> => {
    const reader = new ByteReader(stream);
    const request = await readMessage(reader, requestSchema, 'the request', ended.signal);
    if (request?.op !== 'connect-udp') throw new Error(`asked for ${request?.op}`);
    asked.push(request);
    try {
      await forwards.connectUdp(server as unknown as Session, stream, reader, request, ended.signal);
    } catch (error) {
      await stream.write(encodeMessage(failureOf(error)));
      await stream.close();
    }
  };
  const session = Object.assign(client, {
    openStreamWhenReady: () => {
      const [near, far] = MemoryStream.pair();
      void answer(far);
      return Promise.resolve(near);
    },
  }) as unknown as Session;
  const said: string[] = [];
  const listener = await UdpListener.open({
    listen: { host: '127.0.0.1', port: 0 },
    target: { host: '127.0.0.1', port: target },
    udp: new UdpSessions(),
    session: () => Promise.resolve(session),
    say: (line) => void said.push(line),
    idleMs,
  });
  closers.push(() => listener.close());
  return { listener, port: Number(listener.address.split(':')[1]), forwards, asked, said, client, server };
}

async function answers(socket: Socket, count: number): Promise<string[]> {
  const came: string[] = [];
  socket.on('message', (data) => came.push(String(data)));
  await until(() => came.length >= count);
  return came.sort();
}

describe('a UDP port here', () => {
  test('leads to one there: each sender has its own answers', async () => {
    const { asked, port, forwards } = await scene((await udp(echo)).port);
    const [one, other] = [(await udp()).socket, (await udp()).socket];
    const heard = [answers(one, 20), answers(other, 1)];
    for (let index = 10; index < 30; index++) one.send(`${index}`, port, '127.0.0.1');
    other.send('other', port, '127.0.0.1');
    // Of those that came before the server had answered some may be more than are kept.
    await until(() => asked.length === 2);
    await until(() => forwards.connections === 2);
    for (let index = 10; index < 30; index++) one.send(`${index}`, port, '127.0.0.1');
    const [ofOne, ofOther] = await Promise.all(heard);
    expect(ofOne!.every((text) => /^echo of [12]\d$/.test(text))).toBe(true);
    expect(ofOther).toEqual(['echo of other']);
    expect(new Set(asked.map(({ flow }) => flow)).size).toBe(2);
  });

  test('whose server does not lead there drops what comes, and says why, not for each datagram', async () => {
    let reached = 0;
    const { asked, listener, port, said } = await scene((await udp(() => (reached += 1))).port, { allowed: 1 });
    const { socket } = await udp();
    for (let index = 0; index < 50; index++) socket.send('x', port, '127.0.0.1');
    await until(() => said.length > 0);
    socket.send('x', port, '127.0.0.1');
    expect([said, asked.length, listener.sources, reached]).toEqual([
      [expect.stringMatching(/\(UDP\): .*does not send UDP to .*--forward-allow-udp/)],
      1,
      1,
      0,
    ]);
  });

  test('whose server takes no datagrams says so', async () => {
    const { asked, client, port, said } = await scene((await udp(echo)).port);
    client.maxDatagramSize = 0;
    const { socket } = await udp();
    socket.send('x', port, '127.0.0.1');
    await until(() => said.length > 0);
    expect([said, asked]).toEqual([[expect.stringMatching(/\(UDP\): .*takes no datagrams/)], []]);
  });

  test('is of no use to a sender that cannot be answered, and goes on for all others', async () => {
    const sockets: Socket[] = [];
    const made = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);
    const target = (await udp(echo)).port;
    subscribe('udp.socket', made);
    const { asked, listener, port } = await scene(target);
    unsubscribe('udp.socket', made);
    const none = { address: '127.0.0.1', family: 'IPv4', port: 0, size: 1 };
    sockets[0]?.emit('message', Buffer.from('x'), none);
    expect(listener.sources).toBe(0);
    const { socket } = await udp();
    const heard = answers(socket, 1);
    socket.send('y', port, '127.0.0.1');
    expect([await heard, sockets.length, asked.length]).toEqual([['echo of y'], 1, 1]);
  });

  test('that is taken is told of as the system does', async () => {
    const { port } = await udp();
    const parts = {
      target: { host: 'a', port: 1 },
      udp: new UdpSessions(),
      session: () => Promise.reject(new Error('none')),
      say: () => undefined,
    };
    const listen = { host: '127.0.0.1', port };
    await expect(UdpListener.open({ ...parts, listen })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('forgets a sender that is still, and so does the server', async () => {
    const { asked, forwards, listener, port } = await scene((await udp(echo)).port, { idleMs: 50 });
    const { socket } = await udp();
    const heard = answers(socket, 1);
    socket.send('x', port, '127.0.0.1');
    await heard;
    await until(() => listener.sources === 0 && forwards.connections === 0);
    socket.send('y', port, '127.0.0.1');
    await until(() => asked.length === 2);
  });

  test('takes nothing of what belongs to no flow', async () => {
    const { asked, client, forwards, port, server } = await scene((await udp(echo)).port);
    const { socket } = await udp();
    const heard = answers(socket, 2);
    socket.send('x', port, '127.0.0.1');
    await until(() => forwards.connections === 1);
    for (const end of [client, server]) {
      end.arrive(new Uint8Array(3));
      end.arrive(new Uint8Array(9).fill(255));
    }
    // Nor can a flow be taken that another one has.
    const [near, far] = MemoryStream.pair();
    const request = { ...asked[0]! };
    const again = forwards.connectUdp(server as never, far, new ByteReader(far), request, AbortSignal.timeout(1000));
    await expect(again).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    void near.close();
    socket.send('y', port, '127.0.0.1');
    expect(await heard).toEqual(['echo of x', 'echo of y']);
    expect(forwards.connections).toBe(1);
  });
});
