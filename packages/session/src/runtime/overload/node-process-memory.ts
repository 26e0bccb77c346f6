import { totalmem } from 'node:os';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { ProcessMemory } from '../../core/policy/overload/process-pressure.js';

/** V8's limit is one for both generations. So much of it is set aside for the young one, by default. */
const YOUNG_GENERATION_BYTES = 48 * 1024 * 1024;

/** What this process has now. Some 30 microseconds, and no file but those of the process and its cgroup. */
export function nodeProcessMemory(): ProcessMemory {
  return {
    heapBytes: oldGenerationBytes(),
    heapLimitBytes: oldGenerationLimit(getHeapStatistics().heap_size_limit),
    residentBytes: process.memoryUsage.rss(),
    residentLimitBytes: cgroupLimit(process.constrainedMemory(), totalmem()),
  };
}

/** @param constrained as Node tells it: 0 or undefined where it does not know, and more than there is where there is no limit */
export function cgroupLimit(constrained: number | undefined, machineBytes: number): number | undefined {
  return constrained !== undefined && constrained > 0 && constrained < machineBytes ? constrained : undefined;
}

/** @param heapLimit of both generations; a small one leaves the old generation half at the least */
export function oldGenerationLimit(heapLimit: number): number {
  return Math.max(heapLimit / 2, heapLimit - YOUNG_GENERATION_BYTES);
}

/** What fills the young generation is collected many times a second. */
function oldGenerationBytes(): number {
  return getHeapSpaceStatistics().reduce(
    (sum, { space_name: name, space_used_size: bytes }) => (name.startsWith('new_') ? sum : sum + bytes),
    0,
  );
}
