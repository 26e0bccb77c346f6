import { Endpoint } from '@kwik/quic';
import type { TransportStream } from '@kwik/wire';
import { Answers, type EchoContender } from './contender.js';

const nothing = (): void => undefined;

/** A stream of `@kwik/quic`. */
export const driver: EchoContender = {
  async serve({ certPem, keyPem }) {
    const endpoint = await Endpoint.bind();
    endpoint.listen({ certPem, keyPem }, (connection) => {
      connection.attach({ onStream: echo, onSendable: nothing, onClose: nothing });
    });
    return endpoint.address().port;
  },

  async connect([port = 0], caPem) {
    const endpoint = await Endpoint.bind();
    const connection = await endpoint.dial({ host: '127.0.0.1', port, trust: { ca: caPem } });
    connection.attach({ onStream: nothing, onSendable: nothing, onClose: nothing });
    const answers = new Answers();
    const stream = connection.openStream({ unidirectional: false });
    if (stream === undefined) throw new Error('no stream can be opened');
    stream.attach({ ...quiet, onData: (data) => answers.push(Uint8Array.from(data)) });
    return {
      echo: async (message) => {
        const answer = answers.expect(message.length);
        if (stream.write(message) !== message.length) throw new Error('a small message is not taken at once');
        return await answer;
      },
      close: () => endpoint.close(),
    };
  },
};

const quiet = { onEnd: nothing, onReset: nothing, onStopSending: nothing, onWritable: nothing };

function echo(stream: TransportStream): void {
  stream.attach({
    ...quiet,
    onData: (data) => {
      if (stream.write(data) !== data.length) throw new Error('a small message is not taken at once');
    },
  });
}
