import { once } from 'node:events';
import { BlockList } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import net, { type Server, type Socket } from '@kwik/socket';

const cleanups: (() => unknown)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const here = (): BlockList => {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8);
  return list;
};

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  cleanups.push(() => server.close());
  await once(server, 'listening');
  return server.address()!.port;
}

function connecting(...args: Parameters<typeof net.connect>): Socket {
  const socket = net.connect(...args).resume();
  cleanups.push(() => socket.on('error', () => undefined).destroy());
  return socket;
}

/** Also on Nodes whose own sockets know no such list: nobody is let in for that. */
test('nobody is let in from an address that is blocked, and no socket connects to one', async () => {
  let letIn = 0;
  const guarded = net.createServer({ blockList: here() }, () => (letIn += 1));
  const refused = connecting(await listening(guarded), '127.0.0.1');
  expect(await once(refused, 'close')).toEqual([false]);
  expect(letIn).toBe(0);
  const open = await listening(net.createServer((socket) => socket.end()));
  const blocked = connecting({ port: open, host: '127.0.0.1', blockList: here() });
  const [error] = (await once(blocked, 'error')) as [Error];
  expect(error).toMatchObject({ code: 'ERR_IP_BLOCKED', message: 'IP(127.0.0.1) is blocked by net.BlockList' });
  expect(await once(connecting(open, '127.0.0.1'), 'close')).toEqual([false]);
});

test('what is no list of them is refused', () => {
  const refusal = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
  const wrong: object = { blockList: {} };
  expect(() => net.createServer(wrong)).toThrow(refusal);
  expect(() => new net.Socket(wrong)).toThrow(refusal);
});
