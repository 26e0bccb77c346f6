/** Entry of the thread in which a `LinkHost` runs its links. */
import { setPriority } from 'node:os';
import { parentPort, type MessagePort } from 'node:worker_threads';

import type { LinkCommand, LinkReply } from './link-messages.js';
import { LinkPump } from './link-pump.js';
import { LinkRelay } from './link-relay.js';

/** A little above the usual 0: links need little of a core, but they need it when they wake. */
const PRIORITY = -10;

if (parentPort !== null) {
  preferThisThread();
  serve(parentPort);
}

/** On Linux a priority is a thread's own. It takes a right that most users lack; without it nothing changes. */
function preferThisThread(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(PRIORITY);
  } catch {
    // Not allowed: the links compete like anybody else.
  }
}

function serve(port: MessagePort): void {
  const pump = new LinkPump({ nap: true });
  const relays = new Map<number, LinkRelay>();
  const reply = (message: LinkReply): void => port.postMessage(message);

  const open = async (command: LinkCommand & { kind: 'open' }): Promise<void> => {
    try {
      const relay = await LinkRelay.open(command.options, pump);
      relays.set(command.id, relay);
      reply({ kind: 'opened', id: command.id, port: relay.port });
    } catch (error) {
      reply({ kind: 'failed', id: command.id, message: error instanceof Error ? error.message : String(error) });
    }
  };

  const close = async (id: number): Promise<void> => {
    await relays.get(id)?.close();
    relays.delete(id);
    reply({ kind: 'closed', id });
  };

  port.on('message', (command: LinkCommand) => {
    switch (command.kind) {
      case 'open':
        return void open(command);
      case 'configure':
        return relays.get(command.id)?.configure(command.direction, command.settings);
      case 'cut':
      case 'heal':
        return relays.get(command.id)?.[command.kind](command.direction);
      case 'close':
        return void close(command.id);
    }
  });
}
