import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import type { KwikError, PathTransport, TransportStream, TransportStreamHandler } from '@kwik/wire';
import { PathPort } from './path-port.js';
import { MAX_POOL_SIZE } from './real-stream-pool.js';

/** A client's port whose server opens streams, and what its owner hears. */
function setUp() {
  const heard: string[] = [];
  const owner = {
    onControlOpen: () => undefined,
    onControlEvent: () => undefined,
    onControlFailure: ({ message }: KwikError) => void heard.push(message),
    onChunk: (id: number, { length }: Uint8Array) => void heard.push(`${length} bytes of ${id}`),
    onRealStreamEnd: () => undefined,
    onSendable: () => undefined,
    onClose: () => undefined,
  };
  const transport = { side: 'client', attach: () => undefined } as Partial<PathTransport>;
  const port = new PathPort(transport as PathTransport, new VirtualClock(), owner);
  const open = (id: number): void => {
    let handler: TransportStreamHandler | undefined;
    port.onStream({
      id,
      unidirectional: true,
      attach: (given: TransportStreamHandler) => (handler = given),
      pause: () => undefined,
      resume: () => handler?.onData(new Uint8Array(id)),
    } as Partial<TransportStream> as TransportStream);
  };
  return { heard, open, activate: () => port.activate(owner) };
}

describe('streams of a peer that come before its last word of the handshake', () => {
  test('wait for it, as many as a session opens', () => {
    const { heard, open, activate } = setUp();
    for (let index = 1; index <= MAX_POOL_SIZE; index++) open(index);
    expect(heard).toEqual([]);
    activate();
    expect(heard).toEqual(Array.from({ length: MAX_POOL_SIZE }, (_, index) => `${index + 1} bytes of ${index + 1}`));
  });

  test('are too many beyond that', () => {
    const { heard, open } = setUp();
    for (let index = 1; index <= MAX_POOL_SIZE + 1; index++) open(index);
    expect(heard).toEqual(['the peer opened data streams before the handshake is over']);
  });
});
