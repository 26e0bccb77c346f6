import { createSocket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Children } from '../harness/children.js';
import type { PartContext } from '../part.js';
import type { StartForwarder } from './forwarder.js';
import type { calls } from './relay-child.js';

/** The source id and port of a client's connection, which a relay must know beforehand. */
export interface RelayedClient {
  readonly port: number;
  readonly connectionId: Uint8Array;
}

/** A relay of @kwik/quic in a process of its own, for the connection of one client at a time. */
export function relayForwarder(client: RelayedClient, context: PartContext): StartForwarder {
  return async (targetPort) => {
    const children = new Children(context);
    const relay = children.start<typeof calls>(new URL('./relay-child.js', import.meta.url), { label: 'relay' });
    const { port } = await relay.call('relay', {
      targetPort,
      clientPort: client.port,
      connectionId: client.connectionId,
    });
    const before = await relay.usage();
    return {
      port,
      end: async () => {
        const { cpuSeconds } = await relay.usage();
        const forwarded = await relay.call('forwarded', undefined);
        await children[Symbol.asyncDispose]();
        return { ...forwarded, cpuSeconds: cpuSeconds - before.cpuSeconds };
      },
    };
  };
}

/** With a port that was free a moment ago. */
export async function relayedClient(): Promise<RelayedClient> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => void socket.close(() => resolve()));
  return { port, connectionId: Uint8Array.from(randomBytes(8)) };
}
