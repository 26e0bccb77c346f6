import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { pause } from '@kwik/testbed';
import { type Case, closed, happened } from '../trial.js';

const LARGE_BYTES = 5 * 1024 * 1024;
const CALLBACKS = 5000;

export const transferCases: readonly Case[] = [
  {
    name: 'bytes of all values and five megabytes of them, there and back',
    async run(trial) {
      const { port } = await trial.listening({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
      const sent = randomBytes(LARGE_BYTES);
      const socket = trial.connect(port, '127.0.0.1');
      socket.end(sent);
      const came = createHash('sha256');
      for await (const chunk of socket) came.update(chunk as Buffer);
      trial.note('same', came.digest('hex') === createHash('sha256').update(sent).digest('hex'));
      trial.note('counts', socket.bytesRead, socket.bytesWritten);
    },
  },
  {
    name: 'text in pieces that cut its characters',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => {
        const bytes = Buffer.from('größer: €');
        void (async () => {
          for (const byte of bytes) {
            socket.write(Buffer.from([byte]));
            await pause(2);
          }
          socket.end();
        })();
      });
      const socket = trial.connect(port, '127.0.0.1').setEncoding('utf8');
      let text = '';
      socket.on('data', (chunk: string) => {
        text += chunk;
        if (typeof chunk !== 'string') trial.note('no text');
      });
      await closed(socket);
      trial.note('text', text);
    },
  },
  {
    name: 'encodings of what is written',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => void trial.collect(socket, 'server side'));
      const socket = trial.connect(port, '127.0.0.1');
      socket.setDefaultEncoding('hex');
      socket.write('68656c6c6f');
      socket.write('IQ==', 'base64');
      socket.write('ÿ', 'latin1');
      socket.write(new Uint8Array([33]));
      trial.note('bytesWritten', socket.bytesWritten);
      await happened(socket, 'connect');
      socket.end();
      socket.resume();
      await closed(socket);
    },
  },
  {
    name: 'callbacks of many writes come in order, and before the end',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.resume());
      const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
      const order: number[] = [];
      for (let count = 0; count < CALLBACKS; count += 1) socket.write('x', () => order.push(count));
      socket.end(() => trial.note('end', order.length));
      socket.resume();
      await closed(socket);
      trial.note('in order', order.every((each, index) => each === index) && order.length === CALLBACKS);
    },
  },
  {
    name: 'corked writes',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => void trial.collect(socket, 'server side'));
      const socket = trial.connect(port, '127.0.0.1');
      await happened(socket, 'connect');
      socket.cork();
      socket.write('a');
      socket.write('b', () => trial.note('callback', socket.bytesWritten));
      trial.note('corked', socket.writableLength, socket.bytesWritten, socket.writableCorked);
      socket.uncork();
      socket.end('c');
      socket.resume();
      await closed(socket);
    },
  },
  {
    name: 'paused, read by hand, resumed',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => {
        socket.write('abcdef');
        void pause(50).then(() => socket.end('ghi'));
      });
      const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
      await happened(socket, 'readable');
      trial.note('read', String(socket.read(2)), String(socket.read(2)));
      trial.note('none', socket.read(100));
      socket.on('data', (chunk: Buffer) => trial.note('flowing', chunk.length > 0));
      socket.pause();
      trial.note('paused', socket.isPaused());
      await pause(100);
      socket.resume();
      await closed(socket);
      trial.note('bytesRead', socket.bytesRead);
    },
  },
  {
    name: 'onread with one buffer',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end('0123456789'));
      let text = '';
      const buffer = Buffer.alloc(4);
      const callback = (bytes: number, same: Uint8Array): boolean => {
        trial.note('same buffer', same === buffer);
        text += String(buffer.subarray(0, bytes));
        return true;
      };
      const socket = trial.watch(trial.connect({ port, host: '127.0.0.1', onread: { buffer, callback } }), 'client');
      socket.on('data', () => trial.note('data', 'came'));
      await closed(socket);
      trial.note('text', text, socket.bytesRead);
    },
  },
  {
    name: 'onread with a buffer for each, and a pause',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end('0123456789'));
      let text = '';
      let calls = 0;
      const onread = {
        buffer: () => Buffer.alloc(2),
        callback: (bytes: number, buffer: Uint8Array): boolean => {
          calls += 1;
          text += String(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
          return calls !== 2;
        },
      };
      const socket = trial.watch(trial.connect({ port, host: '127.0.0.1', onread }), 'client');
      await pause(200);
      trial.note('before', text);
      socket.resume();
      await closed(socket);
      trial.note('after', text, calls);
    },
  },
  {
    name: 'a proxy of pipes',
    async run(trial) {
      const { port } = await trial.listening({ allowHalfOpen: true }, (socket) => {
        let text = '';
        socket.on('data', (chunk: Buffer) => (text += String(chunk)));
        socket.on('end', () => socket.end(text.toUpperCase()));
      });
      const proxy = await trial.listening({ allowHalfOpen: true }, (socket) => {
        const onward = trial.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        socket.pipe(onward).pipe(socket);
      });
      const socket = trial.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.end('through a proxy');
      await trial.collect(socket, 'client');
    },
  },
  {
    name: 'pipeline ends both, and an error of one destroys the other',
    async run(trial) {
      const { port } = await trial.listening({ allowHalfOpen: true }, (socket) => {
        pipeline(socket, socket).then(
          () => trial.note('server side', 'done'),
          (error: unknown) => trial.note('server side', error instanceof Error),
        );
      });
      const socket = trial.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.end('round');
      await trial.collect(socket, 'client');
    },
  },
  {
    name: 'timeouts: by silence alone, put off by traffic, ended by 0',
    async run(trial) {
      let peer: Socket | undefined;
      const { port } = await trial.listening({}, (socket) => {
        peer = socket;
        socket.resume();
      });
      const socket = trial.connect(port, '127.0.0.1');
      await happened(socket, 'connect');
      let fired = 0;
      socket.setTimeout(400, () => (fired += 1));
      for (let count = 0; count < 4; count += 1) {
        await pause(200);
        if (count % 2 === 0) socket.write('x');
        else peer?.write('y');
        socket.resume();
      }
      trial.note('while there is traffic', fired);
      await happened(socket, 'timeout');
      trial.note('in silence', fired, socket.timeout);
      socket.setTimeout(0);
      await pause(500);
      trial.note('after 0', fired, socket.timeout);
      socket.destroy();
    },
  },
  {
    name: 'a small high-water mark',
    async run(trial) {
      const { port } = await trial.listening({ highWaterMark: 10 }, (socket) => {
        trial.note('server side', socket.readableHighWaterMark, socket.writableHighWaterMark);
        socket.end('more than ten bytes');
      });
      const socket = trial.connect({
        port,
        host: '127.0.0.1',
        readableHighWaterMark: 5,
        writableHighWaterMark: 7,
      });
      trial.note('client', socket.readableHighWaterMark, socket.writableHighWaterMark);
      await trial.collect(socket, 'client');
    },
  },
];
