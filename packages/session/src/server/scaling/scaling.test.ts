import { expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import type { PathId } from '@kwik/wire';
import { PolicyEngine } from '../../core/policy/policy-engine.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { ScalingMemory } from './scaling-memory.js';
import { Scaling } from './scaling.js';

/** A session with one server that scaling may add, as path 1, and a client that lets go of it when `gone` is called. */
function setUp() {
  const clock = new VirtualClock();
  const callbacks = new UserCallbacks();
  const engine = new PolicyEngine({
    ...{ name: 'the server', random: () => 0.5 },
    ...{ publish: () => undefined, onDue: () => undefined },
  });
  const states = new Map([[0, 'active']]);
  const info = (id: PathId) => ({ id, address: `p${id}:1`, state: states.get(id), reason: 'removed' });
  const paths = { info, infos: () => [...states.keys()].map((id) => info(id as PathId)) };
  const session = {
    ...{ clock, callbacks, paths, policy: engine.session('s1') },
    ...{ closeInfo: undefined, controlPath: {}, wake: () => undefined },
  } as unknown as SessionContext;
  let gone: (error?: Error) => void = () => undefined;
  const commander = {
    addPath: () => Promise.resolve(states.set(1, 'active') && info(1 as PathId)),
    removePath: () => {
      return new Promise<void>((resolve, reject) => {
        gone = (error) => (error === undefined ? resolve() : reject(error));
      });
    },
  };
  const kinds: string[] = [];
  const onDecision = ({ kind }: { readonly kind: string }) => void kinds.push(kind);
  const scaling = new Scaling(
    session,
    { candidates: [{ address: 'b:1' }], onDecision },
    {
      ...{ sessionId: 's1', wallClockMs: () => 0, memory: new ScalingMemory({}, callbacks, 0) },
      ...{ commander: commander as never, content: { isSending: false, offeredBytes: 0 } },
    },
  );
  const ask = (pathsDelta: number) => scaling.handlers.scaleRequest!(undefined as never, { pathsDelta, reason: '' });
  const look = (): void => {
    clock.advanceBy(1000);
    scaling.plan(clock.now());
  };
  const steps = () => engine.decisions.map(({ step, result }) => `${step} ${result}`);
  return { clock, states, ask, look, kinds, steps, gone: (error?: Error) => gone(error) };
}

test('a path that is removed is not lost, though its end is seen before the client has answered', async () => {
  const { clock, states, ask, look, kinds, steps, gone } = setUp();
  await ask(1);
  clock.advanceBy(10_000);
  const removing = ask(-1);
  states.set(1, 'dead');
  look();
  gone();
  await removing;
  look();
  expect(kinds).toEqual(['add', 'added', 'remove', 'removed']);
  expect(steps()).toEqual(['add done', 'remove done']);
});

test('a path that could not be removed, and died, is lost', async () => {
  const { clock, states, ask, look, kinds, gone } = setUp();
  await ask(1);
  clock.advanceBy(10_000);
  const removing = ask(-1);
  states.set(1, 'dead');
  gone(new Error('the client does not answer'));
  await removing;
  look();
  expect(kinds).toEqual(['add', 'added', 'remove', 'failed', 'lost']);
});
