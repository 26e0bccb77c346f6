import {
  decodeKcpMessage,
  DelimitedReader,
  encodeKcpMessage,
  proto,
  type PathTransport,
  type TransportStream,
} from '@kwik/wire';

/** The connection as that of a client that was made before there were takeovers: its hello names no such capability. */
export function withoutTakeover(transport: PathTransport): PathTransport {
  return new Proxy(transport, {
    get: (target, name) => {
      if (name === 'openStream') {
        return (options: { unidirectional: boolean }) => {
          const stream = target.openStream(options);
          return stream === undefined || stream.unidirectional ? stream : olderStream(stream);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function olderStream(stream: TransportStream): TransportStream {
  let said = false;
  return new Proxy(stream, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'write' || said) return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return (hello: Uint8Array) => {
        said = true;
        const older = olderHello(hello);
        if (target.write(older) !== older.length) throw new TypeError('the stream does not take a hello at once');
        return hello.length;
      };
    },
  });
}

function olderHello(bytes: Uint8Array): Uint8Array {
  const reader = new DelimitedReader();
  reader.push(bytes);
  const message = decodeKcpMessage(reader.next()!);
  if (message.body?.$case !== 'clientHello') throw new TypeError('the first message is no hello');
  const { value } = message.body;
  const capabilities = value.capabilities.filter((one) => one !== proto.Capability.TAKEOVER);
  return encodeKcpMessage({ ...message, body: { $case: 'clientHello', value: { ...value, capabilities } } });
}
