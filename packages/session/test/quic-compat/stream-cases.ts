import { pause } from '@kwik/testbed';
import { jest } from '@jest/globals';
import type { events } from '@kwik/session/quic';
import {
  ask,
  type Case,
  type Connection,
  echo,
  failure,
  next,
  type QuicStream,
  readAll,
  streamOf,
  text,
  textCodes,
  within,
  write,
} from './world.js';

const STREAMS = 10;
const codes = textCodes();

async function readUntilEnd(stream: QuicStream): Promise<unknown> {
  return failure(readAll(stream));
}

const many = (connection: Connection): QuicStream[] => Array.from({ length: STREAMS }, () => connection.newStream());

async function conversation(stream: QuicStream, goOn: Promise<void> = Promise.resolve()): Promise<string> {
  const [writer, reader] = [stream.writable.getWriter(), stream.readable.getReader()];
  let heard = '';
  for (const word of ['one', 'two', 'three']) {
    await writer.write(new TextEncoder().encode(word));
    heard += text((await reader.read()).value ?? new Uint8Array());
    await goOn;
  }
  await writer.close();
  return `${heard} ${(await reader.read()).done}`;
}

export const streamCases: readonly Case[] = [
  {
    name: 'streams are noticed by the peer, and talk in turns',
    run: async (world) => {
      const seen: boolean[] = [];
      const { client } = await world.pair({ onStream: (stream) => (seen.push(true), echo(stream)) });
      const heard = await Promise.all(many(client.connection).map((stream) => conversation(stream)));
      return [seen.length, new Set(heard)];
    },
    expected: [STREAMS, new Set(['onetwothree true'])],
  },
  {
    name: 'destroyed streams end at both ends',
    run: async (world) => {
      const ended: Promise<unknown>[] = [];
      const { client } = await world.pair({ onStream: (stream) => (ended.push(stream.closedP), void echo(stream)) });
      const streams = many(client.connection);
      for (const stream of streams) await write(stream, 'x');
      while (ended.length < STREAMS) await pause(5);
      await Promise.all(streams.map((stream) => stream.destroy()));
      await Promise.all(ended);
      return streams.every((stream) => stream.closed);
    },
    expected: true,
  },
  {
    name: 'abort gives the reader of the other end the reason',
    run: async (world) => {
      const { client, atServer } = await world.pair(codes, codes);
      const accepted = streamOf(atServer);
      const stream = client.connection.newStream();
      await write(stream, 'hello');
      const peer = await accepted;
      await peer.readable.getReader().read();
      const noticed = next<events.EventQUICStreamError>(peer, 'EventQUICStreamError');
      await stream.writable.abort('given up');
      const { detail } = await noticed;
      await peer.writable.abort('not wanted');
      return [detail.constructor.name, await readUntilEnd(stream)];
    },
    expected: ['ErrorQUICStreamPeerRead', 'not wanted'],
  },
  {
    name: 'cancel gives the writer of the other end the reason',
    run: async (world) => {
      const { client, atServer } = await world.pair(codes, codes);
      const accepted = streamOf(atServer);
      const stream = client.connection.newStream();
      await write(stream, 'hello');
      const peer = await accepted;
      const writer = stream.writable.getWriter();
      await peer.readable.cancel('not wanted');
      return [await failure(writer.closed), await failure(writer.write(Uint8Array.of(1)))];
    },
    expected: ['not wanted', 'not wanted'],
  },
  ...(['', 'Hello!'] as const).map(
    (data): Case => ({
      name: `a stream that is cancelled ${data === '' ? 'before' : 'after'} data ends at both ends, with the reason`,
      run: async (world) => {
        const made = jest.spyOn(world.quic.QUICStream, 'createQUICStream');
        world.onEnd(async () => made.mockRestore());
        const { client, atServer } = await world.pair(codes, codes);
        const accepted = streamOf(atServer);
        const stream = client.connection.newStream();
        if (data !== '') await write(stream, data);
        stream.cancel('over');
        const own = [await readUntilEnd(stream), await failure(stream.writable.getWriter().write(Uint8Array.of(1)))];
        const peer = await accepted;
        const theirs = [await readUntilEnd(peer), await failure(peer.writable.getWriter().write(Uint8Array.of(1)))];
        await Promise.all([stream.closedP, peer.closedP]);
        await pause(50);
        return [own, theirs, made.mock.calls.length];
      },
      expected: [['over', 'over'], ['over', 'over'], 2],
    }),
  ),
  {
    name: 'streams that both ends cancel at once are over',
    run: async (world) => {
      const { client, atServer } = await world.pair(codes, codes);
      const accepted = streamOf(atServer);
      const stream = client.connection.newStream();
      await write(stream, 'x');
      const peer = await accepted;
      peer.cancel('over');
      stream.cancel('given up');
      const ends = [await readUntilEnd(stream), await readUntilEnd(peer)];
      await Promise.all([stream.closedP, peer.closedP]);
      return ends;
    },
    expected: ['given up', 'over'],
  },
  {
    name: 'an end is noticed without a read, and so is a reset behind unread data',
    run: async (world) => {
      const { client, atServer } = await world.pair();
      const ends: boolean[] = [];
      for (const how of ['close', 'abort'] as const) {
        const accepted = streamOf(atServer);
        const stream = client.connection.newStream();
        await write(stream, 'a');
        const peer = await accepted;
        if (how === 'close') await peer.readable.getReader().read();
        else await Promise.all([write(stream, 'b', 'c'), write(peer, 'a', 'b', 'c')]);
        await Promise.all([stream.writable[how](), peer.writable[how]()]);
        await Promise.all([stream.closedP, peer.closedP]);
        ends.push(stream.closed && peer.closed);
      }
      return ends;
    },
    expected: [true, true],
  },
  ...(['client', 'server'] as const).map(
    (end): Case => ({
      name: `streams may end when the ${end} is stopped without force`,
      run: async (world) => {
        let seen = 0;
        const { server, client } = await world.pair({ onStream: (stream) => (seen++, echo(stream)) });
        let goOn!: () => void;
        const wait = new Promise<void>((resolve) => (goOn = resolve));
        const talks = many(client.connection).map((stream) => conversation(stream, wait));
        // Streams that begin after that are refused.
        while (seen < STREAMS) await pause(5);
        const stopped = end === 'client' ? client.destroy({ force: false }) : server.stop({ force: false });
        goOn();
        const heard = await Promise.all(talks);
        await stopped;
        return new Set(heard);
      },
      expected: new Set(['onetwothree true']),
    }),
  ),
  {
    name: 'while a connection ends, neither end opens a stream; destroyStreams ends the waiting',
    run: async (world) => {
      const { client, atServer } = await world.pair(codes, codes);
      const stream = client.connection.newStream();
      await write(stream, 'x');
      await streamOf(atServer);
      const destroyed = client.destroy({ force: false });
      await pause(0);
      const own = await failure((async () => client.connection.newStream())());
      const refused = atServer.newStream();
      await refused.writable.close();
      const theirs = [await readUntilEnd(refused), await within(destroyed, 100)];
      client.connection.destroyStreams();
      await destroyed;
      return [own, theirs];
    },
    expected: ['ErrorQUICConnectionNotRunning', ['none', 'too late']],
  },
  {
    name: 'streams end with their connection, at both ends',
    run: async (world) => {
      const ends: Promise<unknown>[] = [];
      const { client, atServer } = await world.pair({ onStream: (stream) => void ends.push(readUntilEnd(stream)) });
      const streams = many(client.connection);
      for (const stream of streams) await write(stream, 'x');
      while (ends.length < STREAMS) await pause(5);
      await atServer.stop({ force: true });
      await Promise.all(streams.map((stream) => stream.closedP));
      return new Set((await Promise.all(ends)).map((end) => end === 'no failure'));
    },
    expected: new Set([false]),
  },
  {
    name: 'a stream knows the ends of its connection, and their certificates',
    run: async (world) => {
      const { server, client, atServer } = await world.pair(
        { config: { verifyPeer: true, ca: world.issued.ca } },
        { config: { key: world.issued.key, cert: world.issued.cert } },
      );
      const accepted = streamOf(atServer);
      const stream = client.connection.newStream();
      await write(stream, 'x');
      const [here, there] = [stream.meta, (await accepted).meta];
      const leaf = Buffer.from(client.connection.getRemoteCertsChain()[0]!).toString('base64');
      return [
        [here.localHost, here.localPort === there.remotePort, here.remotePort === server.port, here.remoteHost],
        [there.localHost, there.localPort === server.port, there.remoteHost],
        [here.remoteCertsChain.length, there.remoteCertsChain.length],
        world.issued.cert.replaceAll(/\s/g, '').includes(leaf),
      ];
    },
    expected: [['127.0.0.1', true, true, '127.0.0.1'], ['127.0.0.1', true, '127.0.0.1'], [1, 1], true],
  },
  {
    name: 'several clients of one server',
    run: async (world) => {
      const server = await world.server({ onStream: echo });
      const clients = [];
      for (let made = 0; made < 5; made++) clients.push(await world.client(server.port));
      const heard = [];
      for (const { connection } of clients) heard.push(await within(ask(connection, 'hello'), 2000));
      return new Set(heard);
    },
    expected: new Set(['hello']),
  },
];
