import type { PathTransport } from '@kwik/wire';

import { VirtualClock } from '../clock/virtual-clock.js';
import type { LinkShape } from '../link/link-options.js';
import { MemoryNetwork } from '../memory/memory-network.js';
import type { MakePair } from '../contract/contract-case.js';
import { must } from '../contract/contract-case.js';

/** Virtual time after which something that should have happened has not. */
const PATIENCE_MS = 120_000;
const SERVER = 'server.test:443';

/** Pairs of a `MemoryNetwork` with one link of this shape. */
export function memoryPairs(shape: LinkShape): MakePair {
  return async (options) => {
    const clock = new VirtualClock({ startMs: 1000 });
    const net = new MemoryNetwork({ clock, link: shape });
    let server: PathTransport | undefined;
    let client: PathTransport | undefined;
    const certificates = [Uint8Array.of(0x30, 0x00)];
    net.listen(SERVER, (transport) => (server = transport), { ...options, certificates });
    void net.dial({ to: SERVER, ...options }).then((transport) => (client = transport));
    await clock.runUntilAsync(() => server !== undefined && client !== undefined);
    return {
      client: must(client),
      server: must(server),
      until: async (condition) => {
        if (await clock.runUntilAsync(condition, { maxMs: PATIENCE_MS })) return;
        throw new Error(`it did not happen until ${clock.now()} ms`);
      },
      pass: (ms) => clock.advanceByAsync(ms),
      close: () => Promise.resolve(),
    };
  };
}
