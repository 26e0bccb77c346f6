import { expect, test } from '@jest/globals';
import type { PathTransport, PathTransportHandler, TransportStream, TransportStreamHandler } from '@kwik/wire';

import { memoryPairs } from '../test-support/memory-pair.js';
import type { MakePair } from './contract-case.js';
import { PATH_TRANSPORT_CONTRACT, runContractCase } from './path-transport-contract.js';

/** For machines that do other things as well. */
const TEST_TIMEOUT_MS = 60_000;

/** A transport with a fault; what is not given is as it was. */
interface Fault {
  /** Beginning of the case's name that notices it. */
  readonly noticedBy: string;
  readonly transport?: (
    sound: PathTransport,
    handler: () => PathTransportHandler | undefined,
  ) => Partial<PathTransport>;
  readonly handler?: (sound: PathTransportHandler) => Partial<PathTransportHandler>;
  readonly stream?: (sound: TransportStream) => Partial<TransportStream>;
  readonly streamHandler?: (sound: TransportStreamHandler) => Partial<TransportStreamHandler>;
}

/** `sound` with `changes` over it; methods keep their `this`. */
function over<T extends object>(sound: T, changes: Partial<T>): T {
  return new Proxy(sound, {
    get(target, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name) as unknown;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function broken(sound: PathTransport, fault: Fault): PathTransport {
  let attached: PathTransportHandler | undefined;
  const wrapStream = (stream: TransportStream): TransportStream =>
    over(stream, {
      attach: (handler) => stream.attach(over(handler, fault.streamHandler?.(handler) ?? {})),
      ...fault.stream?.(stream),
    });
  return over(sound, {
    attach: (handler) => {
      attached = handler;
      const changed = over(handler, {
        onStream: (stream) => handler.onStream(wrapStream(stream)),
        ...fault.handler?.(handler),
      });
      sound.attach(changed);
    },
    openStream: (options) => {
      const stream = sound.openStream(options);
      return stream === undefined ? undefined : wrapStream(stream);
    },
    ...fault.transport?.(sound, () => attached),
  });
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'tells the end twice': {
    noticedBy: 'both may close',
    handler: (handler) => ({
      onClose: (info) => {
        handler.onClose(info);
        handler.onClose(info);
      },
    }),
  },
  'calls a handler from inside a call': {
    noticedBy: 'both may close',
    transport: (sound, handler) => ({
      close: (code, reason) => {
        handler()?.onSendable();
        sound.close(code, reason);
      },
    }),
  },
  'writes into chunks that it gave away': {
    noticedBy: 'a bidirectional',
    streamHandler: (handler) => {
      const shared = Buffer.alloc(65_536);
      return {
        onData: (chunk) => {
          shared.set(chunk);
          handler.onData(shared.subarray(0, chunk.length));
        },
      };
    },
  },
  'alters bytes': {
    noticedBy: 'a unidirectional',
    streamHandler: (handler) => ({ onData: (chunk) => handler.onData(chunk.map((byte) => byte ^ 1)) }),
  },
  'forgets the end of a stream': {
    noticedBy: 'an empty stream',
    streamHandler: () => ({ onEnd: () => undefined }),
  },
  'does not pause': {
    noticedBy: 'a paused stream gets',
    stream: () => ({ pause: () => undefined }),
  },
  'never says that it is writable again': {
    noticedBy: 'three megabytes',
    streamHandler: () => ({ onWritable: () => undefined }),
  },
  'never says that it is sendable again': {
    noticedBy: 'a sender that',
    handler: () => ({ onSendable: () => undefined }),
  },
  'says that anything can be sent': {
    noticedBy: 'sendableBytes',
    transport: () => ({ sendableBytes: () => 1_000_000 }),
  },
  'mixes up codes': {
    noticedBy: 'a reset',
    streamHandler: (handler) => ({ onReset: (code) => handler.onReset(code + 1) }),
  },
  'counts bytes that it did not take': {
    noticedBy: 'three megabytes',
    stream: (sound) => ({
      write: (data) => {
        sound.write(data);
        return data.length;
      },
    }),
  },
  'opens any number of streams': {
    noticedBy: 'the peer bounds',
    transport: (sound) => {
      let last: TransportStream | undefined;
      return { openStream: (options) => (last = sound.openStream(options) ?? last) };
    },
  },
};

test.each(Object.entries(FAULTS))(
  'the suite notices a transport that %s',
  async (_, fault) => {
    const sound = memoryPairs({ both: { rateBitsPerSecond: 50e6, delayMs: 5 } });
    const faulty: MakePair = async (options) => {
      const pair = await sound(options);
      return { ...pair, client: broken(pair.client, fault), server: broken(pair.server, fault) };
    };
    const cases = PATH_TRANSPORT_CONTRACT.filter(({ name }) => name.startsWith(fault.noticedBy));
    expect(cases).not.toEqual([]);
    for (const one of cases) await expect(runContractCase(one, faulty)).rejects.toThrow();
  },
  TEST_TIMEOUT_MS,
);

test(
  'and does not mind one without a fault',
  async () => {
    const sound = memoryPairs({ both: { rateBitsPerSecond: 50e6, delayMs: 5 } });
    const none = { noticedBy: '' };
    const wrapped: MakePair = async (options) => {
      const pair = await sound(options);
      return { ...pair, client: broken(pair.client, none), server: broken(pair.server, none) };
    };
    for (const one of PATH_TRANSPORT_CONTRACT) await runContractCase(one, wrapped);
  },
  TEST_TIMEOUT_MS,
);
