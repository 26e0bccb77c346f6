import { describe, expect, test } from '@jest/globals';
import type { AnswerTo } from '@kwik/kcp';
import { VirtualClock } from '@kwik/testbed';
import { KwikError, toPathId, type ErrorCode, type PathId } from '@kwik/wire';
import { PolicyEngine } from '../../core/policy/policy-engine.js';
import { FIRST_CLIENT_PATH_ID, isFurtherPath } from '../../limits.js';
import { DueTimer } from '../waiting/due-timer.js';
import { SurplusPaths, type SurplusPath } from './surplus-paths.js';

const SHORT = { text: 'the server is short of memory', copies: false, probing: false, paths: 1 };
/** Enough for a loop without an end to show. */
const MAX_WAKES = 1000;

type Answer = Promise<AnswerTo<'removePath'>>;

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

/** A session as the engine drives it, of a server that is short of something: after each wake, and when it is due, there is a plan. */
function setUp(...given: readonly FakePath[]) {
  const clock = new VirtualClock();
  const paths = new Set(given);
  const nothing = (): void => undefined;
  const engine = new PolicyEngine({ name: 'the server', random: () => 0.5, publish: nothing, onDue: nothing });
  let wakes = 0;
  const wake = (): void => {
    if (wakes++ < MAX_WAKES) timer.set(surplus.plan(clock.now()));
  };
  const timer = new DueTimer(clock, wake);
  const alive = { values: () => [...paths].filter((path) => path.alive) };
  const session = { closeInfo: undefined, wake, policy: engine.session('s'), paths: alive };
  const surplus = new SurplusPaths<FakePath>(session, {
    isFurther: isFurtherPath,
    remove: (command, by) => by.request('removePath', command),
  });
  engine.shortage.set(SHORT);
  return { clock, paths, wake };
}

describe('a client that keeps a path which it was asked to let go of', () => {
  const done = { $case: 'removePathResult', value: { pathId: 0, removed: true, error: undefined } } as const;

  test.each([
    ['because it knows nothing of that', refused('ERR_KWIK_INVALID_STATE')],
    ['and does not answer', refused('ERR_KWIK_TIMEOUT')],
    ['though it says otherwise', (): Answer => Promise.resolve(done)],
  ])('%s, is asked every ten seconds', async (_name, answer) => {
    const [first, further] = [new FakePath(0, answer), new FakePath(FIRST_CLIENT_PATH_ID, answer)];
    const { clock, wake } = setUp(first, further);
    await clock.advanceByAsync(5000);
    wake();
    await clock.advanceByAsync(4999);
    expect([first.asked, further.asked]).toEqual([[further.id], []]);
    await clock.advanceByAsync(100_000);
    expect(first.asked).toHaveLength(11);
  });

  test('is asked at once when it has opened the path anew', async () => {
    const answer = refused('ERR_KWIK_INVALID_STATE');
    const [first, further] = [new FakePath(0, answer), new FakePath(FIRST_CLIENT_PATH_ID, answer)];
    const { clock, paths, wake } = setUp(first, further);
    await clock.advanceByAsync(100);
    paths.delete(further);
    paths.add(new FakePath(further.id, answer));
    wake();
    await clock.advanceByAsync(100);
    expect(first.asked).toEqual([further.id, further.id]);
  });
});

test('a client whose path died before its answer came is asked on another one', async () => {
  const first: FakePath = new FakePath(0, () => {
    first.alive = false;
    return refused('ERR_KWIK_PATH_DEAD')();
  });
  const [further, surplus] = [1, 2].map((n) => new FakePath(FIRST_CLIENT_PATH_ID + n, silent));
  const { clock } = setUp(first, further!, surplus!);
  await clock.advanceByAsync(100);
  expect([first.asked, further!.asked]).toEqual([[surplus!.id], [surplus!.id]]);
});
