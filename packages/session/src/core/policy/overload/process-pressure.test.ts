import { describe, expect, test } from '@jest/globals';
import { processPressures, processReason, type ProcessMemory } from './process-pressure.js';

const GB = 1e9;
const memory = (heap: number, resident: number, residentLimitBytes?: number): ProcessMemory => ({
  heapBytes: heap * 4 * GB,
  heapLimitBytes: 4 * GB,
  residentBytes: resident * GB,
  residentLimitBytes,
});

describe('the pressure of a process', () => {
  test('is none up to half of a limit, for that much may be garbage, and full where the process ends', () => {
    expect(processPressures(memory(0.5, 0.5, GB))).toEqual({ heap: 0, resident: 0 });
    expect(processPressures(memory(0.75, 0.9, GB))).toEqual({ heap: 0.5, resident: expect.closeTo(0.8) });
    expect(processPressures(memory(1, 1, GB))).toEqual({ heap: 1, resident: 1 });
  });

  test('of a cgroup is none where there is no limit, or one that is no number', () => {
    for (const limit of [undefined, 0, Number.NaN]) {
      expect(processPressures(memory(0, 20, limit)).resident).toBe(0);
    }
    expect(processPressures({ ...memory(0.9, 1), heapLimitBytes: 0 }).heap).toBe(0);
  });

  test('says how full what is', () => {
    const full = memory(0.914, 0.4864, 512e6);
    expect(processReason('heap', full)).toBe('the V8 heap is 91 % full');
    expect(processReason('resident', full)).toBe('the process has 95 % of the 512 MB that its cgroup allows');
  });
});
