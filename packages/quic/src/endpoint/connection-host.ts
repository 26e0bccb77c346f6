import type { Clock } from '@kwik/wire';
import { BlockPool } from '../connection/byte-queue.js';
import type { Connection } from '../connection/connection.js';
import type { ConnectionHost } from '../connection/connection-types.js';
import { ProcessorShares } from '../connection/processor-shares.js';
import { ReceiveSlab } from '../connection/receive-slab.js';
import type { EndpointCounters } from '../routing/endpoint-stats.js';
import type { DatagramOutput } from './datagram-output.js';
import type { EndWatch } from './end-watch.js';
import type { TurnLoop } from './turn-loop.js';

interface HostParts {
  readonly clock: Clock;
  readonly counters: EndpointCounters;
  readonly loop: TurnLoop<Connection>;
  readonly output: DatagramOutput;
  readonly ends: EndWatch<Connection>;
}

/** What the connections of one endpoint have in common. */
export function connectionHost({ clock, counters, loop, output, ends }: HostParts): ConnectionHost<Connection> {
  return {
    slab: new ReceiveSlab(),
    blocks: new BlockPool(),
    pieces: { pieces: 0 },
    shares: new ProcessorShares(),
    now: () => clock.now(),
    wake: (connection) => loop.wake(connection),
    wakeBy: (connection, dueMs, now) => loop.wakeBy(connection, dueMs, now),
    slot: (connection) => output.slot(connection),
    submit: (connection, bytes) => output.submit(connection, bytes),
    congested: (connection) => output.congested(connection),
    dropped: () => counters.drop('processorShare'),
    ended: (connection) => ends.ended(connection),
  };
}
