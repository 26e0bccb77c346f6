import http from 'node:http';
import { once } from 'node:events';
import net from '@kwik/socket';

/** An HTTP server of Node's own, reached over KWIK: it is handed the connections. */
export async function startServer(answer: http.RequestListener): Promise<{ port: number; stop: () => Promise<void> }> {
  const server = http.createServer(answer);
  const sockets = net.createServer((socket) => void server.emit('connection', socket)).listen(0);
  await once(sockets, 'listening');
  return {
    port: (sockets.address() as { port: number }).port,
    async stop() {
      sockets.close();
      await once(sockets, 'close');
    },
  };
}

/** An agent whose connections go over KWIK; `http.get` and all that is built on it takes one. */
export function kwikAgent(): http.Agent {
  return Object.assign(new http.Agent({ keepAlive: true }), { createConnection: net.createConnection });
}

export async function get(agent: http.Agent, port: number, path: string): Promise<string> {
  const [answer] = (await once(http.get({ agent, port, path }), 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk as string;
  return text;
}
