import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { Answers, type EchoContender } from './contender.js';

/** TCP with TLS 1.3, without Nagle's algorithm. */
export const tls: EchoContender = {
  async serve({ certPem, keyPem }) {
    const server = createServer({ cert: certPem, key: keyPem, minVersion: 'TLSv1.3', noDelay: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data: Buffer) => socket.write(data));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  },

  async connect([port = 0], caPem) {
    const answers = new Answers();
    const socket = connect({ host: '127.0.0.1', port, ca: caPem, servername: 'localhost', minVersion: 'TLSv1.3' });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    socket.setNoDelay(true);
    socket.on('data', (data: Buffer) => answers.push(data));
    return {
      echo: (message) => {
        const answer = answers.expect(message.length);
        socket.write(message);
        return answer;
      },
      close: async () => void socket.destroy(),
    };
  },
};
