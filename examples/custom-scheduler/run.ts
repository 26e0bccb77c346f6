import { dial, listen, type Session } from '@kwik/session';
import type { Scheduler } from '@kwik/wire';
import { sparing } from './sparing.js';

export interface Outcome {
  readonly received: number;
  /** How often the scheduler chose each path. */
  readonly chosen: ReadonlyMap<number, number>;
  /** What each path carried, bytes; with copies of what was late on the other, for which no scheduler is asked. */
  readonly sent: readonly number[];
}

/** A client with two local addresses uploads; the path of number `metered` is to be spared. */
export async function runUpload(bytes: number, metered: number): Promise<Outcome> {
  await using listener = await listen();
  const upload = listener.accept().then(async (session) => {
    const stream = await session.acceptStream();
    let received = 0;
    for await (const chunk of stream) received += chunk.length;
    return received;
  });

  const chosen = new Map<number, number>();
  const { address, port } = listener.address();
  await using session = await dial(`${address}:${port}`, {
    paths: { localAddresses: ['127.0.0.2'] },
    writes: {
      routing: 'distributed',
      // Called once for each session, so state in a scheduler belongs to one.
      scheduler: () =>
        counted(
          sparing((path) => path.id === metered),
          chosen,
        ),
    },
  });
  await activePaths(session, 2);
  const stream = session.openStream();
  await stream.write(new Uint8Array(bytes));
  await stream.close();
  return { received: await upload, chosen, sent: session.getAllPaths().map((path) => path.sentBytes) };
}

/** Schedulers are plain objects, and so are what one puts around them. */
function counted(scheduler: Scheduler, chosen: Map<number, number>): Scheduler {
  return {
    name: scheduler.name,
    select: (request, paths, now) => {
      const decision = scheduler.select(request, paths, now);
      if (decision.kind === 'send') chosen.set(decision.pathId, (chosen.get(decision.pathId) ?? 0) + 1);
      return decision;
    },
  };
}

async function activePaths(session: Session, count: number): Promise<void> {
  const active = (): number => session.getActivePaths().filter(({ state }) => state === 'active').length;
  if (active() >= count) return;
  await new Promise<void>((resolve) => {
    const stopListening = session.onPathChange(() => {
      if (active() < count) return;
      stopListening();
      resolve();
    });
  });
}
