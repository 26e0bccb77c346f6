import { copyFile, open, truncate } from 'node:fs/promises';
import type { Stage } from '../stage/stage.js';
import type { Ailments } from '../stage/server-process.js';
import type { PlannedFault } from './plan.js';

/** Rate of a link that is as good as unusable, bits per second. */
const TRICKLE_BPS = 200_000;
const MAX_EXTRA_DELAY_MS = 500;
/** A clock that was set by hand, or in another zone: ahead or behind. Tokens of paths are good for seconds. */
const MAX_CLOCK_MS = 2 * 3_600_000;
/** Of the heap of a server that is short of it: it works, and is late. */
const [MIN_FREE_MB, MAX_FREE_MB] = [24, 48];
/** Wrong bytes of a copy that lies, one in so many. */
const LIE_EVERY_BYTES = 50_000;

/** Begins a fault; resolves with what ends it. */
export async function strike(stage: Stage, fault: PlannedFault): Promise<() => Promise<void>> {
  const { server, severity } = fault;
  const link = stage.link(server);
  switch (fault.fault) {
    case 'kill':
      stage.servers[server]!.kill();
      return () => stage.restart(server);
    case 'stop': {
      const process = stage.servers[server]!;
      process.suspend();
      return mending(() => process.resume());
    }
    case 'clock':
      return ailing(stage, server, { clockAheadMs: Math.round((2 * severity - 1) * MAX_CLOCK_MS) });
    case 'disk-full':
      await stage.servers[server]!.diskFull(true);
      return () => stage.servers[server]!.diskFull(false);
    case 'memory':
      return ailing(stage, server, { freeMemoryMb: MIN_FREE_MB + (1 - severity) * (MAX_FREE_MB - MIN_FREE_MB) });
    case 'cut':
      link.cut();
      return mending(() => link.heal());
    case 'one-way': {
      const direction = severity < 0.5 ? 'up' : 'down';
      link.cut(direction);
      return mending(() => link.heal(direction));
    }
    case 'loss':
      return changed(stage, server, { lossRate: 0.3 * severity }, { lossRate: 0 });
    case 'slow':
      return changed(stage, server, { rateBitsPerSecond: TRICKLE_BPS }, stage.shape(server));
    case 'delay':
      return changed(stage, server, { delayMs: MAX_EXTRA_DELAY_MS * severity }, stage.shape(server));
    case 'lie':
      await lie(stage.copy(server));
      return () => restored(stage, server);
    case 'truncate':
      await truncate(stage.copy(server), Math.floor(stage.bytes * severity));
      return () => restored(stage, server);
  }
}

/** The server is another process with something wrong with it meanwhile. */
async function ailing(stage: Stage, server: number, ailments: Ailments): Promise<() => Promise<void>> {
  const again = (what: Ailments): Promise<void> => {
    stage.servers[server]!.kill();
    return stage.restart(server, what);
  };
  await again(ailments);
  return () => again({});
}

type Shape = Parameters<ReturnType<Stage['link']>['configure']>[1];

function changed(stage: Stage, server: number, to: Shape, back: Shape): Promise<() => Promise<void>> {
  const link = stage.link(server);
  link.configure('both', to);
  return Promise.resolve(mending(() => link.configure('both', back)));
}

function mending(action: () => void): () => Promise<void> {
  return () => {
    action();
    return Promise.resolve();
  };
}

/** Wrong bytes in place: the size is what it was, and nothing but a digest can tell. */
async function lie(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    for (let at = 0; at < size; at += LIE_EVERY_BYTES) {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
      buffer[0]! ^= 0xff;
      await file.write(buffer, 0, 1, at);
    }
  } finally {
    await file.close();
  }
}

async function restored(stage: Stage, server: number): Promise<void> {
  await copyFile(stage.copy(0), stage.copy(server));
}
