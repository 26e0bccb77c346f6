import { Duplex } from 'node:stream';
import { KwikError } from '@kwik/wire';
import type { Stream } from '../api/session.js';

/** WHATWG view of the reading side. Pulls only when asked, so that flow control reaches the peer. */
export function readableOf(stream: Stream): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await stream.read();
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
      cancel() {
        stream.stopSending();
      },
    },
    { highWaterMark: 0 },
  );
}

export function writableOf(stream: Stream): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>(
    {
      write: (chunk) => stream.write(chunk),
      close: () => stream.close(),
      abort: () => stream.reset(),
    },
    { highWaterMark: 1 },
  );
}

/** Node's view of both sides. */
export function duplexOf(stream: Stream): Duplex {
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      stream.read().then(
        (chunk) => duplex.push(chunk),
        (error: unknown) => duplex.destroy(KwikError.from(error)),
      );
    },
    write(chunk: Uint8Array | string, _encoding, done) {
      stream.write(chunk).then(() => done(), done);
    },
    final(done) {
      stream.close().then(() => done(), done);
    },
    destroy(error, done) {
      if (!duplex.readableEnded) stream.stopSending();
      if (!duplex.writableFinished) stream.reset();
      done(error);
    },
  });
  return duplex;
}
