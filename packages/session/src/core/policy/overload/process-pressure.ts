import type { OverloadResource } from './overload-policy.js';

/** What a process has of what ends it when it is used up. */
export interface ProcessMemory {
  /** Of V8's heap, without its young generation; and where V8 ends the process. */
  readonly heapBytes: number;
  readonly heapLimitBytes: number;
  /** Resident, and where the system ends the process; undefined: no bound but that of the machine. */
  readonly residentBytes: number;
  readonly residentLimitBytes?: number | undefined;
}

export type ProcessPressures = Readonly<Record<Extract<OverloadResource, 'heap' | 'resident'>, number>>;

/**
 * Half full is none. V8 lets garbage pile up, to half of what the last collection left free, before it collects again: only what
 * is used beyond half is surely in use. What is resident contains that garbage, and what the allocator keeps for later.
 */
export function processPressures(memory: ProcessMemory): ProcessPressures {
  return { heap: beyondHalf(heapShare(memory)), resident: beyondHalf(residentShare(memory)) };
}

/** How full it is, in words. */
export function processReason(resource: keyof ProcessPressures, memory: ProcessMemory): string {
  if (resource === 'heap') return `the V8 heap is ${percent(heapShare(memory))} full`;
  const limit = `the ${Math.round((memory.residentLimitBytes ?? 0) / 1e6)} MB that its cgroup allows`;
  return `the process has ${percent(residentShare(memory))} of ${limit}`;
}

function heapShare({ heapBytes, heapLimitBytes }: ProcessMemory): number {
  return share(heapBytes, heapLimitBytes);
}

function residentShare({ residentBytes, residentLimitBytes = 0 }: ProcessMemory): number {
  return share(residentBytes, residentLimitBytes);
}

function share(bytes: number, limit: number): number {
  return limit > 0 ? bytes / limit : 0;
}

function beyondHalf(used: number): number {
  return Math.max(0, 2 * used - 1);
}

export function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
