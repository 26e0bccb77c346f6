import { KwikError } from '@kwik/wire';
import type { FuzzTarget } from './target.js';

/** Processor time. An input of a few kilobytes takes under 5 ms; fifty times that is none of a decoder's business. */
const MAX_INPUT_MS = 250;
/** Windows, queues and inflated packets of every target fit into it; an input that costs more multiplies itself. */
const MAX_GROWTH_BYTES = 48 * 1_048_576;
/** A slow input is run again before it is blamed: the compiler or the collector may have been at work. */
const TRIES = 3;
const MAX_OUTCOME_CHARACTERS = 160;

export type Verdict =
  | { readonly kind: 'fine'; readonly outcome: string; readonly ms: number }
  | { readonly kind: 'broken'; readonly why: string };

/** Runs one input and holds it to the rules: nothing but KwikError is thrown, time and memory are bounded. */
export async function judge(target: FuzzTarget, input: Uint8Array): Promise<Verdict> {
  let fastest = Infinity;
  for (let tries = 0; ; tries++) {
    const memory = memoryBytes();
    const before = process.cpuUsage();
    const outcome = await outcomeOf(target, input);
    if (typeof outcome !== 'string') return { kind: 'broken', why: outcome.broken };
    const { user, system } = process.cpuUsage(before);
    fastest = Math.min(fastest, (user + system) / 1000);
    const grown = memoryBytes() - memory;
    if (grown > MAX_GROWTH_BYTES) return { kind: 'broken', why: `${input.length} bytes cost ${grown} bytes of memory` };
    if (fastest <= MAX_INPUT_MS) return { kind: 'fine', outcome, ms: fastest };
    if (tries === TRIES)
      return { kind: 'broken', why: `${input.length} bytes cost ${Math.round(fastest)} ms of the processor` };
  }
}

async function outcomeOf(target: FuzzTarget, input: Uint8Array): Promise<string | { broken: string }> {
  try {
    // A copy: what a decoder is given belongs to it.
    return withoutValues(await target.run(input.slice()));
  } catch (error) {
    if (error instanceof KwikError && !isOwnFault(error)) {
      return withoutValues(`${error.code} ${error.message}`);
    }
    return { broken: error instanceof Error ? (error.stack ?? error.message) : `threw ${String(error)}` };
  }
}

/** A broken invariant here; a peer may tell of its own. */
export function isOwnFault(error: KwikError): boolean {
  return error.code === 'ERR_KWIK_INTERNAL' && error.scope === 'local';
}

/** Inputs that differ in values only come to the same. */
function withoutValues(outcome: string): string {
  return outcome
    .replace(/'[^']*'|"[^"]*"/g, 'x')
    .replace(/-?\d+/g, '0')
    .slice(0, MAX_OUTCOME_CHARACTERS);
}

function memoryBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
