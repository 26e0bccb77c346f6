/** A listener of `data` throws at the first chunk, in a program that survives it. Prints how many bytes came in all. */
import { once } from 'node:events';
import nodeNet from 'node:net';
import kwikNet from '@kwik/socket';

const net = (process.argv[2] === 'kwik' ? kwikNet : nodeNet) as typeof nodeNet;
process.on('uncaughtException', (error) => process.stdout.write(`${error.message} `));
const server = net.createServer((socket) => {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes === chunk.length) {
      socket.write('go on');
      throw new Error('the listener throws');
    }
  });
  socket.on('end', () => {
    process.stdout.write(`${bytes}\n`);
    server.close();
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as nodeNet.AddressInfo;
const socket = net.connect(port, '127.0.0.1');
socket.write('abc');
await once(socket, 'data');
socket.end('def');
