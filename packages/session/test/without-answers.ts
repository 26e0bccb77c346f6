import type { PathTransport, TransportStream, TransportStreamHandler } from '@kwik/wire';

/** The connection as one on which nothing is heard of what the peer says. */
export function withoutAnswers(transport: PathTransport): PathTransport {
  const deaf = (stream: TransportStream): TransportStream =>
    Object.assign(Object.create(stream) as TransportStream, {
      attach: (handler: TransportStreamHandler) => stream.attach({ ...methodsOf(handler), onData: () => undefined }),
      write: (data: Uint8Array) => stream.write(data),
    });
  return new Proxy(transport, {
    get: (target, name) => {
      if (name === 'openStream') {
        return (options: { unidirectional: boolean }) => {
          const stream = target.openStream(options);
          return stream === undefined ? undefined : deaf(stream);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function methodsOf(handler: TransportStreamHandler): TransportStreamHandler {
  return {
    onData: (chunk) => handler.onData(chunk),
    onEnd: () => handler.onEnd(),
    onReset: (code) => handler.onReset(code),
    onStopSending: (code) => handler.onStopSending(code),
    onWritable: () => handler.onWritable(),
  };
}
