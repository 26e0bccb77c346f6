import { describe, expect, jest, test } from '@jest/globals';
import { pattern } from '../harness.js';
import { allOf, pairOf, streamOf } from './pair.js';

jest.setTimeout(60_000);

describe('streams that nobody reads', () => {
  test.each([2, 24])('do not stop others: %i of them', async (count) => {
    const pair = await pairOf();
    for (let index = 0; index < count; index++) {
      const [mine] = await streamOf(pair);
      mine.write(Buffer.alloc(18_000_000)).catch(() => undefined);
    }
    await pair.world.pass(3500);
    const [mine, theirs] = await streamOf(pair);
    const content = pattern(3_000_000);
    const startMs = pair.world.clock.now();
    const [bytes] = await pair.world.settle(Promise.all([allOf(theirs), mine.write(content).then(() => mine.close())]));
    expect(Buffer.from(bytes).equals(content)).toBe(true);
    // 3 MB are half a second of the link.
    expect(pair.world.clock.now() - startMs).toBeLessThan(1500);
  });

  test('do not stop others where their readers read much before they stopped', async () => {
    const limits = { streamWindowBytes: 2_000_000, pathWindowBytes: 4_000_000 };
    const pair = await pairOf({}, { limits });
    for (let index = 0; index < 3; index++) {
      const [mine, theirs] = await streamOf(pair);
      mine.write(Buffer.alloc(10_000_000)).catch(() => undefined);
      const reading = (async () => {
        let bytes = 0;
        while (bytes < 3_000_000) bytes += (await theirs.read())!.length;
      })();
      await pair.world.settle(reading);
    }
    await pair.world.pass(1500);
    const [mine, theirs] = await streamOf(pair);
    const content = pattern(1_000_000);
    const [bytes] = await pair.world.settle(Promise.all([allOf(theirs), mine.write(content).then(() => mine.close())]));
    expect(Buffer.from(bytes).equals(content)).toBe(true);
  });
});
