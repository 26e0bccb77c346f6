import type { PathTransport } from '@kwik/wire';

import { VirtualClock } from '../clock/virtual-clock.js';
import type { LinkShape } from '../link/link-options.js';
import { describePathTransportContract, type MakePair } from '../test-support/path-transport-contract.js';
import { MemoryNetwork } from './memory-network.js';

/** Virtual time after which something that should have happened has not. */
const PATIENCE_MS = 120_000;

function pairsOver(shape: LinkShape): MakePair {
  return async (options) => {
    const clock = new VirtualClock({ startMs: 1000 });
    const net = new MemoryNetwork({ clock, link: shape });
    const certificates = [Uint8Array.of(0x30, 0x00)];
    const accepted: PathTransport[] = [];
    net.listen('server.test:443', (transport) => accepted.push(transport), { ...options, certificates });
    const dialled = net.dial({ to: 'server.test:443', ...options });
    await clock.runUntilAsync(() => accepted.length > 0);
    let client: PathTransport | undefined;
    void dialled.then((transport) => (client = transport));
    await clock.runUntilAsync(() => client !== undefined);
    const server = accepted[0];
    if (client === undefined || server === undefined) throw new Error('the handshake did not end');
    return {
      client,
      server,
      until: async (condition) => {
        if (await clock.runUntilAsync(condition, { maxMs: PATIENCE_MS })) return;
        throw new Error(`it did not happen until ${clock.now()} ms`);
      },
      pass: (ms) => clock.advanceByAsync(ms),
      close: () => Promise.resolve(),
    };
  };
}

describePathTransportContract(
  'MemoryNetwork, 20 Mbit/s and 20 ms',
  pairsOver({ both: { rateBps: 20e6, delayMs: 10 } }),
);
describePathTransportContract('MemoryNetwork, delay without a rate', pairsOver({ both: { delayMs: 3 } }));
describePathTransportContract(
  'MemoryNetwork, slow one way',
  pairsOver({ up: { rateBps: 2e6, delayMs: 60 }, down: { rateBps: 10e6, delayMs: 5 } }),
);
