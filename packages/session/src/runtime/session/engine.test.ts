import { describe, expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import { bareEngine } from '../../test-support/bare-engine.js';
import { connect, LIMITS, planeOf } from '../../test-support/data-link.js';
import type { Feature } from '../features/feature.js';
import type { SessionEngine } from './engine.js';

/** A session without paths, and its one feature. */
function engineOf(feature: Feature = {}): SessionEngine {
  return bareEngine({ role: 'client' }, () => ({ features: [feature] }));
}

const code = (name: string) => expect.objectContaining({ code: name });

describe('SessionEngine', () => {
  test('ends once, tells its features, and gives out what came before', async () => {
    const ends: string[] = [];
    const engine = engineOf({ onEnd: ({ reason }) => void ends.push(reason) });
    const waiting = engine.streams.accept(undefined);
    await engine.close({ by: 'local', code: 7, reason: 'done' }, 0);
    engine.finish({ by: 'local', code: 8, reason: 'again' }, true);
    expect(await engine.closed).toEqual({ by: 'local', code: 7, reason: 'done' });
    expect(ends).toEqual(['done']);
    await expect(waiting).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED'));
    expect(() => engine.streams.open({})).toThrow(code('ERR_KWIK_SESSION_CLOSED'));
  });

  const lost = new KwikError('ERR_KWIK_PATH_DEAD', 'lost');
  const enders = new Map<string, (engine: SessionEngine) => void>([
    ['closed at once', (engine) => void engine.close({ by: 'local', code: 1, reason: 'at once' }, 0)],
    ['closed in good order', (engine) => void engine.close({ by: 'local', code: 2, reason: 'in order' }, 1000)],
    ['finished', (engine) => engine.finish({ by: 'local', code: 3, reason: 'finished' }, true)],
    ['closed by its peer', (engine) => engine.finishByPeer({ by: 'peer', code: 4, reason: 'by peer' }, false)],
    ['without a path', (engine) => engine.lost(lost)],
    ['failed', (engine) => engine.fail(new KwikError('ERR_KWIK_INTERNAL', 'failed'))],
  ]);
  const pairs = [...enders.keys()].flatMap((first) => [...enders.keys()].map((second) => [first, second] as const));

  test.each(pairs)('tells its end exactly once, whatever ends it: %s, then %s', async (first, second) => {
    const ends: CloseInfo[] = [];
    const engine = engineOf({
      onEnd: (info) => {
        ends.push(info);
        // Whoever hears of it may want to end it as well.
        enders.get(second)?.(engine);
      },
    });
    enders.get(first)?.(engine);
    enders.get(second)?.(engine);
    const info = await engine.closed;
    for (const end of enders.values()) end(engine);
    await engine.close({ by: 'local', code: 9, reason: 'again' }, 0);
    engine.runNow();
    expect(ends).toEqual([info]);
    expect(engine.closeInfo).toBe(info);
  });

  test('takes nothing new while it is being closed in good order', async () => {
    const engine = engineOf();
    const closing = engine.close({ by: 'local', code: 0, reason: '' }, 1000);
    expect(() => engine.streams.open({})).toThrow(code('ERR_KWIK_SESSION_CLOSED'));
    await closing;
  });

  test('asks features when it was woken, and a mistake of theirs ends the session, not the process', async () => {
    const planned: number[] = [];
    const engine = engineOf({
      plan: (now) => {
        planned.push(now);
        if (planned.length === 2) throw new TypeError('a mistake');
        return undefined;
      },
    });
    engine.wake();
    await Promise.resolve();
    expect(planned).toEqual([0]);
    engine.wake();
    expect(await engine.closed).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_INTERNAL' } });
  });

  test('has content sent by the feature that can, and by none at other ends', async () => {
    const plane = planeOf('client', LIMITS);
    connect(plane, LIMITS);
    const stream = engineOf().streams.handle(plane.open(true));
    const source = { size: 1n, read: () => Promise.resolve(new Uint8Array(1)) };
    await expect(stream.sendFrom('film', source)).rejects.toEqual(code('ERR_KWIK_INVALID_STATE'));
    const sent: string[] = [];
    const sends: Feature = {
      sendContent: (_stream, key) => {
        sent.push(key);
        return Promise.resolve();
      },
    };
    await engineOf(sends).streams.handle(plane.open(true)).sendFrom('film', source);
    expect(sent).toEqual(['film']);
  });
});
