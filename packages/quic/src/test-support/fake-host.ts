import { BlockPool } from '../connection/byte-queue.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionHost } from '../connection/connection-types.js';
import { ProcessorShares } from '../connection/processor-shares.js';
import { ReceiveSlab } from '../connection/receive-slab.js';

/** An endpoint's side of a connection that sends nowhere, whose parts a test replaces. */
export type FakeHost = { -readonly [Name in keyof ConnectionHost<Connection>]: ConnectionHost<Connection>[Name] };

/** `log` is told what happens. */
export function fakeHost(now: () => number, log: (what: string) => void): FakeHost {
  const slot = Buffer.alloc(1350);
  return {
    now,
    slab: new ReceiveSlab(),
    blocks: new BlockPool(),
    pieces: { pieces: 0 },
    shares: new ProcessorShares(),
    wake: () => undefined,
    wakeBy: () => undefined,
    slot: () => slot,
    submit: () => undefined,
    congested: () => false,
    dropped: () => log('dropped'),
    ended: () => log('ended'),
  };
}
