/** A server that stays as long as it listens, has sockets, or until it is told `stop`. Prints its port. */
import net from '@kwik/socket';

const server = net.createServer((socket) => socket.pipe(socket));
if (process.argv[2] === 'unref') server.unref();
server.listen(Number(process.argv[3] ?? 0), () => process.stdout.write(`${server.address()!.port}\n`));
process.on('SIGTERM', () => server.close());
