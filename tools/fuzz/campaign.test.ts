import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { decodePacket, KwikError } from '@kwik/wire';
import { runCampaign } from './campaign.js';
import { judge } from './judge.js';
import { packet } from './targets/wire.js';
import type { FuzzTarget } from './target.js';

const SECONDS = 10;

/** The decoder of packets with a fault planted behind its checksum. */
function planted(fault: (packetNumber: bigint) => void): FuzzTarget {
  const run = (input: Uint8Array): string => {
    fault(decodePacket(input, crc32).packetNumber);
    return 'packet';
  };
  return { ...packet, name: 'planted', run };
}

const saying = (run: FuzzTarget['run']): FuzzTarget => ({ name: 'one', shape: 'bytes', seeds: () => [], run });

describe('the canary', () => {
  test('a fault that only a packet of a right checksum reaches is found', async () => {
    const target = planted((number) => {
      if (number === 0xffff_ffffn) throw new TypeError('planted');
    });
    const { finding } = await runCampaign(target, SECONDS, 1);
    expect(finding?.why).toContain('planted');
    expect(decodePacket(finding!.input, crc32).packetNumber).toBe(0xffff_ffffn);
  });

  test('the same seed finds the same input', async () => {
    const target = planted((number) => {
      if (number === 0n) throw new TypeError('planted');
    });
    const [first, second] = [await runCampaign(target, SECONDS, 7), await runCampaign(target, SECONDS, 7)];
    expect(second.finding?.input).toEqual(first.finding?.input);
    expect(second.inputs).toBe(first.inputs);
  });
});

function throwing(error: Error): FuzzTarget['run'] {
  return () => {
    throw error;
  };
}

function hungry(): string {
  const taken = new Uint8Array(64 * 1_048_576);
  return String(taken.length);
}

function slow(): string {
  for (const before = process.cpuUsage(); process.cpuUsage(before).user < 300_000; );
  return 'late';
}

describe('judge', () => {
  const input = new Uint8Array(3);

  test('takes a KwikError for an outcome, without its values', async () => {
    const refusing = saying(() => {
      throw new KwikError('ERR_KWIK_INVALID_FRAME', "frame 17 of 'x'");
    });
    expect(await judge(refusing, input)).toMatchObject({
      kind: 'fine',
      outcome: 'ERR_KWIK_INVALID_FRAME frame 0 of x',
    });
  });

  test.each([
    ['another error', throwing(new RangeError('offset is out of bounds')), 'out of bounds'],
    ['a fault of our own', throwing(new KwikError('ERR_KWIK_INTERNAL', 'never')), 'never'],
    ['memory', hungry, 'of memory'],
    ['time', slow, ' ms'],
  ] as const)('blames an input for %s', async (_what, run, why) => {
    expect(await judge(saying(run), input)).toMatchObject({ kind: 'broken', why: expect.stringContaining(why) });
  });
});
