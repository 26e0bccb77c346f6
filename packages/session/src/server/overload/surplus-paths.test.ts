import { describe, expect, test } from '@jest/globals';
import { KwikError, toPathId, type ErrorCode, type PathId } from '@kwik/wire';
import { FIRST_CLIENT_PATH_ID } from '../../limits.js';
import { Shortage } from '../../runtime/host/shortage.js';
import { SurplusPaths, type SurplusPath } from './surplus-paths.js';

const SHORT = { text: 'the server is short of memory', copies: false, probing: false, paths: 1 };
/** Enough for a loop without an end to show. */
const MAX_WAKES = 1000;

type Answer = ReturnType<SurplusPath['request']>;

const refused = (code: ErrorCode) => (): Answer => Promise.reject(new KwikError(code));
const silent = (): Answer => new Promise(() => undefined);

class FakePath implements SurplusPath {
  readonly id: PathId;
  readonly health = 'active';
  alive = true;
  /** The paths that its client was asked on it to let go of. */
  readonly asked: PathId[] = [];

  constructor(
    id: number,
    readonly answer: () => Answer,
  ) {
    this.id = toPathId(id);
  }

  figures() {
    return { deliveryRateBytesPerSecond: 1 };
  }

  request(_kind: 'removePath', { pathId }: { readonly pathId: number }): Answer {
    this.asked.push(toPathId(pathId));
    return this.answer();
  }
}

/** A session as the engine drives it, of a server that is short of something: after each wake there is a plan. */
function setUp(...given: readonly FakePath[]) {
  const paths = new Set(given);
  const shortage = new Shortage();
  let wakes = 0;
  const wake = (): void => {
    if (wakes++ < MAX_WAKES) surplus.plan();
  };
  const session = { closeInfo: undefined, wake, paths: { values: () => [...paths].filter(({ alive }) => alive) } };
  const surplus = new SurplusPaths(session, shortage);
  shortage.set(SHORT);
  return { paths, shortage, wake };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10 * MAX_WAKES; turn++) await Promise.resolve();
}

describe('a client that keeps a path which it was asked to let go of', () => {
  const done = { $case: 'removePathResult', value: { pathId: 0, removed: true, error: undefined } } as const;

  test.each([
    ['because it knows nothing of that', refused('ERR_KWIK_INVALID_STATE')],
    ['and does not answer', refused('ERR_KWIK_TIMEOUT')],
    ['though it says otherwise', (): Answer => Promise.resolve(done)],
  ])('%s, is asked once in a shortage', async (_name, answer) => {
    const [first, further] = [new FakePath(0, answer), new FakePath(FIRST_CLIENT_PATH_ID, answer)];
    const { shortage } = setUp(first, further);
    await settle();
    expect([first.asked, further.asked]).toEqual([[further.id], []]);
    shortage.set({ ...SHORT, text: 'the server is short of connections' });
    await settle();
    expect(first.asked).toHaveLength(1);
    shortage.set();
    shortage.set(SHORT);
    await settle();
    expect(first.asked).toHaveLength(2);
  });

  test('is asked again when it has opened the path anew', async () => {
    const answer = refused('ERR_KWIK_INVALID_STATE');
    const [first, further] = [new FakePath(0, answer), new FakePath(FIRST_CLIENT_PATH_ID, answer)];
    const { paths, wake } = setUp(first, further);
    await settle();
    paths.delete(further);
    paths.add(new FakePath(further.id, answer));
    wake();
    await settle();
    expect(first.asked).toEqual([further.id, further.id]);
  });
});

test('a client whose path died before its answer came is asked on another one', async () => {
  const first: FakePath = new FakePath(0, () => {
    first.alive = false;
    return refused('ERR_KWIK_PATH_DEAD')();
  });
  const [further, surplus] = [1, 2].map((n) => new FakePath(FIRST_CLIENT_PATH_ID + n, silent));
  setUp(first, further!, surplus!);
  await settle();
  expect([first.asked, further!.asked]).toEqual([[surplus!.id], [surplus!.id]]);
});
