import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryPaths, arbitraryRequest, busy, request, snapshot } from '../test-support/snapshots.js';
import { describeSchedulerContract } from '../test-support/contract.js';
import { transfer } from '../test-support/simulation.js';
import { createMinRttScheduler } from './min-rtt.js';
import { createRedundantScheduler } from './redundant.js';

describeSchedulerContract('redundant', () => createRedundantScheduler());
describeSchedulerContract('redundant', () => createRedundantScheduler({ maxCopies: 8, bulkBytes: Infinity }));

describe('redundant', () => {
  const paths = [snapshot(3, { rttMs: 40 }), snapshot(1, { rttMs: 30 }), snapshot(0, { rttMs: 90 }), snapshot(2)];
  const small = request({ pendingBytes: 1000 });

  test('the same bytes on the nearest paths, as many as allowed', () => {
    expect(createRedundantScheduler().select(small, paths, 0)).toEqual({
      kind: 'send',
      pathId: 2,
      maxBytes: 1000,
      duplicates: [1, 3],
    });
    expect(createRedundantScheduler({ maxCopies: 9 }).select(small, paths, 0)).toMatchObject({ duplicates: [1, 3, 0] });
    expect(createRedundantScheduler({ maxCopies: 1 }).select(small, paths, 0)).toMatchObject({ duplicates: [] });
  });

  test('busy and suspected paths, and those that have the bytes, get no copy', () => {
    const three = [busy(snapshot(0)), snapshot(1, { state: 'suspected' }), snapshot(2), snapshot(3), snapshot(4)];
    const again = { ...small, exclude: [snapshot(3).id] };
    expect(createRedundantScheduler().select(again, three, 0)).toMatchObject({ pathId: 2, duplicates: [4] });
  });

  test('a piece is no larger than what each of its paths can take at once', () => {
    const narrow = [snapshot(0), snapshot(1, { sendableBytes: 1300 })];
    expect(createRedundantScheduler().select(request({ pendingBytes: 9000 }), narrow, 0)).toMatchObject({
      maxBytes: 1300,
      duplicates: [1],
    });
  });

  test('bulk is sent once', () => {
    const duplicates = (pendingBytes: number): unknown =>
      createRedundantScheduler({ bulkBytes: 5000 }).select(request({ pendingBytes }), paths, 0);
    expect(duplicates(5000)).toMatchObject({ duplicates: [1, 3] });
    expect(duplicates(5001)).toMatchObject({ duplicates: [] });
  });

  test('never more than maxCopies, nor any copy of bulk, whatever the paths', () => {
    const ask = arbitraryPaths.chain((list) => fc.tuple(fc.constant(list), arbitraryRequest(list)));
    fc.assert(
      fc.property(
        ask,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 1e7 }),
        (given, maxCopies, bulkBytes) => {
          const [list, asked] = given;
          const decision = createRedundantScheduler({ maxCopies, bulkBytes }).select(asked, list, 0);
          if (decision.kind === 'wait') return;
          const most = asked.pendingBytes > bulkBytes ? 1 : maxCopies;
          expect(1 + decision.duplicates.length).toBeLessThanOrEqual(most);
        },
      ),
    );
  });

  test.each([{ maxCopies: 0 }, { maxCopies: 1.5 }, { maxCopies: NaN }, { bulkBytes: -1 }, { bulkBytes: NaN }])(
    'options out of range are refused: %p',
    (options) => {
      const refused = expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
      expect(() => createRedundantScheduler(options)).toThrow(refused);
    },
  );

  test('as its source has it: over paths that lose, small messages are rarely late; the cost is bounded', () => {
    const links = [
      { mbits: 20, rttMs: 30, lossRate: 0.1 },
      { mbits: 20, rttMs: 35, lossRate: 0.1 },
    ];
    let [late, lateAlone, sent] = [0, 0, 0];
    for (let seed = 0; seed < 400; seed++) {
      const message = transfer(createRedundantScheduler(), links, { bytes: 1000, seed });
      if (message.doneMs > 20) late += 1;
      if (transfer(createMinRttScheduler(), links, { bytes: 1000, seed }).doneMs > 20) lateAlone += 1;
      for (const bytes of message.bytesByPath.values()) sent += bytes;
    }
    expect(lateAlone).toBeGreaterThan(25); // a tenth
    expect(late).toBeLessThan(10); // a tenth of a tenth
    expect(sent).toBe(2 * 400 * 1000);
  });

  test('a path that dies under the bytes is not felt', () => {
    const links = [
      { mbits: 20, rttMs: 20, cutAtMs: 0 },
      { mbits: 20, rttMs: 60 },
    ];
    expect(transfer(createMinRttScheduler(), links, { bytes: 10_000, maxMs: 5000 }).doneMs).toBe(Infinity);
    expect(transfer(createRedundantScheduler(), links, { bytes: 10_000, maxMs: 5000 }).doneMs).toBeLessThan(40);
  });
});
