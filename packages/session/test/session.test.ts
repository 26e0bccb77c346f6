import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { bearerClientAuth, bearerServerAuth, noneClientAuth, pskClientAuth, pskServerAuth } from '@kwik/session';
import { addressOf, Harness, pattern, readAll } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

describe('dial and listen (K1, K2)', () => {
  test('a session has a unique id, and its first path is primary, active and default', async () => {
    const { listener, client, server } = await harness.pair();
    const other = await harness.dial(listener);
    expect(client.id).toMatch(/^[0-9a-f]{32}$/);
    expect(server.id).toBe(client.id);
    expect(other.id).not.toBe(client.id);
    expect(server.role).toBe('primary');
    expect(client.getAllPaths()).toMatchObject([
      { id: 0, primary: true, state: 'active', address: addressOf(listener) },
    ]);
    expect(client.openStream().pathId).toBe(0);
  });

  test('streams carry bytes both ways, opened by either end', async () => {
    const { client, server } = await harness.pair();
    const upload = pattern(3_000_000, 7);
    const echo = (async () => {
      const stream = await server.acceptStream();
      for await (const chunk of stream) await stream.write(chunk);
      await stream.close();
    })();
    const stream = client.openStream();
    const [back] = await Promise.all([readAll(stream), stream.write(upload).then(() => stream.close()), echo]);
    expect(Buffer.from(back).equals(upload)).toBe(true);

    const pushed = server.openStream({ unidirectional: true });
    await pushed.write('news');
    const [received] = await Promise.all([client.acceptStream().then(readAll), pushed.close()]);
    expect(new TextDecoder().decode(received)).toBe('news');
  });

  test('a client writes to its primary only, and reads what the session brings (K4.3)', async () => {
    const secondary = await harness.listen();
    const { client, server } = await harness.pair();
    const [, path] = await Promise.all([secondary.accept(), server.addPath(addressOf(secondary))]);
    const stream = client.openStream();
    await stream.write(pattern(200_000));
    await Promise.all([server.acceptStream().then(readAll), stream.close()]);
    const [primary, second] = client.getAllPaths();
    expect(primary!.sentBytes).toBe(200_000);
    expect(second).toMatchObject({ id: path.id, sentBytes: 0, state: 'active' });
  });

  test('many streams stay apart (K10.1)', async () => {
    const { client, server } = await harness.pair();
    const serving = (async () => {
      for (let count = 0; count < 40; count++) {
        const stream = await server.acceptStream();
        void readAll(stream).then(async (bytes) => {
          await stream.write(bytes);
          await stream.close();
        });
      }
    })();
    const sent = Array.from({ length: 40 }, (_, index) => pattern(1 + index * 3001, index + 1));
    const answers = await Promise.all(
      sent.map(async (bytes) => {
        const stream = client.openStream();
        await stream.write(bytes);
        const [answer] = await Promise.all([readAll(stream), stream.close()]);
        return answer;
      }),
    );
    await serving;
    answers.forEach((answer, index) => expect(Buffer.from(answer).equals(sent[index]!)).toBe(true));
  });

  test('writes that are not awaited keep their order, and close waits for them', async () => {
    const limits = { sendBufferBytes: 4096 };
    const { client, server } = await harness.pair({ limits }, { limits });
    const parts = Array.from({ length: 50 }, (_, index) => pattern(10_000 + index, index + 1));
    const stream = client.openStream();
    const writing = parts.map((part) => stream.write(part));
    const closing = stream.close();
    const [received] = await Promise.all([server.acceptStream().then(readAll), closing, ...writing]);
    expect(Buffer.from(received).equals(Buffer.concat(parts))).toBe(true);
  });

  test('limits that cannot work are refused by name', async () => {
    const refused = { code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining('pathWindowBytes') };
    await expect(harness.listen({ limits: { pathWindowBytes: 1_000_000 } })).rejects.toMatchObject(refused);
  });

  test('reset and stopSending reach the other end', async () => {
    const { client, server } = await harness.pair();
    const stream = client.openStream();
    await stream.write('half a request');
    const accepted = await server.acceptStream();
    await accepted.read();
    stream.reset(42);
    await expect(accepted.read()).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_RESET' });

    const second = client.openStream();
    await second.write('request');
    const answering = await server.acceptStream();
    second.stopSending(7);
    const endless = (async () => {
      for (;;) await answering.write(new Uint8Array(10_000));
    })();
    await expect(endless).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_STOPPED' });
  });

  test('a reader that stops holds the writer, not its memory', async () => {
    const limits = { streamWindowBytes: 256 * 1024, sendBufferBytes: 128 * 1024 };
    const { client, server } = await harness.pair({ limits }, { limits });
    const stream = client.openStream();
    await stream.write('go');
    const accepted = await server.acceptStream();
    let written = 0;
    const content = pattern(4_000_000);
    const writing = (async () => {
      for (; written < content.length; written += 10_000)
        await accepted.write(content.subarray(written, written + 10_000));
      await accepted.close();
    })();
    const first = (await stream.read())!;
    while (client.getAllPaths()[0]!.receivedBytes < 256 * 1024) await new Promise(setImmediate);
    expect(written).toBeLessThan(700_000);
    const rest = await readAll(stream);
    await writing;
    expect(Buffer.concat([first, rest]).equals(content)).toBe(true);
  });

  test('WHATWG and Node streams work over a stream', async () => {
    const { client, server } = await harness.pair();
    const echo = server.acceptStream().then((stream) => stream.readable.pipeTo(stream.writable));
    const duplex = client.openStream().toDuplex();
    duplex.end(Buffer.from(pattern(300_000)));
    const chunks: Buffer[] = [];
    for await (const chunk of duplex) chunks.push(chunk as Buffer);
    await echo;
    expect(Buffer.concat(chunks).equals(pattern(300_000))).toBe(true);
  });

  test('closing tells the other end, with code and reason, and ends what waits', async () => {
    const { client, server } = await harness.pair();
    const waiting = server.acceptStream();
    const refused = expect(waiting).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_CLOSED' });
    await client.close(7, 'done');
    await refused;
    // 7 is also the number of an error, and this is none.
    expect(await server.closed).toEqual({ by: 'peer', code: 7, reason: 'done' });
    expect(await client.closed).toMatchObject({ by: 'local', code: 7 });
    expect(() => client.openStream()).toThrow(/closed/);
  });

  test("a server's code is the client's to read as it was given", async () => {
    const { client, server } = await harness.pair();
    await server.close(7, 'done');
    expect(await client.closed).toEqual({ by: 'peer', code: 7, reason: 'done' });
  });

  test('streams beyond the credit are refused, or wait for it', async () => {
    const { client, server } = await harness.pair({ limits: { maxStreams: 2 } });
    const first = client.openStream();
    client.openStream();
    expect(() => client.openStream()).toThrow(expect.objectContaining({ code: 'ERR_KWIK_STREAM_LIMIT' }));
    const third = client.openStreamSync();
    await first.write('x');
    const accepted = await server.acceptStream();
    await Promise.all([readAll(accepted), first.close(), accepted.close(), readAll(first)]);
    expect((await third).id).toBe(8n);
  });
});

describe('who may connect (V6)', () => {
  test('a server under another authority is refused, and the message says so', async () => {
    const listener = await harness.listen();
    const elsewhere = await Harness.create();
    try {
      await expect(harness.dial(listener)).rejects.toMatchObject({
        code: 'ERR_KWIK_CERTIFICATE',
        message: expect.stringMatching(/authorit|issued|signed|trust/i),
      });
    } finally {
      await elsewhere.close();
    }
  });

  test('nobody listens: a clear error', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await expect(harness.dial(`127.0.0.1:${port}`, { timeouts: { dialMs: 3000 } })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_KWIK_(CONNECT_FAILED|TIMEOUT)$/),
    });
  });

  test('a wrong address is named', async () => {
    await expect(harness.dial('nonsense')).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringContaining("'nonsense'"),
    });
  });

  test('pre-shared key and bearer token', async () => {
    const key = pattern(32, 9);
    const listener = await harness.listen({
      auth: [
        pskServerAuth({ keys: new Map([['me', key]]) }),
        bearerServerAuth((token) => Promise.resolve({ accepted: token === 'good', identity: 'you' })),
      ],
    });
    const refused = { code: 'ERR_KWIK_AUTH_FAILED' };
    await expect(harness.dial(listener, { auth: [noneClientAuth()] })).rejects.toMatchObject(refused);
    await expect(harness.dial(listener, { auth: [bearerClientAuth('bad')] })).rejects.toMatchObject(refused);
    const wrong = pskClientAuth({ key: pattern(32, 8), name: 'me' });
    await expect(harness.dial(listener, { auth: [wrong] })).rejects.toMatchObject(refused);
    const accepted = listener.accept();
    await harness.dial(listener, { auth: [pskClientAuth({ key, name: 'me' })] });
    expect((await accepted).identity).toBe('me');
    const next = listener.accept();
    await harness.dial(listener, { auth: [bearerClientAuth('good')] });
    expect((await next).identity).toBe('you');
  });
});

test('a full server refuses by name, and takes the next when there is room', async () => {
  const listener = await harness.listen({ limits: { maxSessions: 1 } });
  const first = await harness.dial(listener);
  const server = await listener.accept();
  await expect(harness.dial(listener)).rejects.toMatchObject({
    code: 'ERR_KWIK_CONNECTION_REFUSED',
    retryAfterMs: expect.any(Number),
  });
  await first.close();
  await server.closed;
  await harness.dial(listener);
});
