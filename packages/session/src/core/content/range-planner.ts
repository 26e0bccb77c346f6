import type { PathId } from '@kwik/wire';
import type { BlockLedger } from './block-ledger.js';
import type { ContentSource } from './content-source.js';

/** Supply of a path in multiples of its RTT: one to reach the server, one for the bytes to come, one to double the rate. */
const SUPPLY_RTTS = 3;
/** And for as long as plans and timers may take. */
const SUPPLY_SLACK_MS = 50;
/** And so many blocks more: one is always half here. */
const SUPPLY_BLOCKS = 1;
/** A source that has just begun has this much to do: slow start takes it in a few round trips. */
const FIRST_SUPPLY_BYTES = 128 * 1024;
/** Of small content no more than this share, but so many blocks. */
const FIRST_SUPPLY_SHARE = 1 / 16;
const FIRST_SUPPLY_BLOCKS = 2;
/** A copy elsewhere must be expected to come this much earlier to be worth its bytes. */
const DUPLICATE_GAIN = 0.75;
/** And by at least this, so that noise in the estimates does not cause copies. */
const DUPLICATE_MIN_GAIN_MS = 10;
/** The reader waits for a block, and as much as this behind it is here: … */
const HELD_UP_BLOCKS = 2;
/** … a copy must come in this share of the time, … */
const HEAD_GAIN = 0.5;
/** … and so much earlier, that the small misjudgements of every transfer cause none. */
const HEAD_MIN_GAIN_MS = 100;
/** Blocks from the reader on that are asked for anew at once when who owed them falls silent. */
const ORPHAN_BLOCKS = 4;
/** Copies of one block under way at once, counted on paths that are not suspected. */
const MAX_COPIES = 2;
/** Bytes of duplicates in flight at once, as a share of what is left, and in blocks at the least. */
const DUPLICATE_SHARE = 0.1;
const DUPLICATE_MIN_BLOCKS = 8;

export interface Assignment {
  readonly pathId: PathId;
  readonly block: number;
  /** Another server was asked for it already. */
  readonly duplicate: boolean;
}

export interface PlanInput {
  readonly ledger: BlockLedger;
  readonly sources: readonly ContentSource[];
  /** Blocks from here on do not fit the reader's window. */
  readonly windowEndBlock: number;
  readonly now: number;
}

/**
 * Decides which server sends which block. Pure: reads the ledger and the sources and returns one assignment at a time.
 *
 * Each source is kept supplied for a little more than its control delay. A slower or farther source gets blocks
 * farther ahead, at the place that the others will have reached when its bytes arrive (the idea of DEMS, Guo et al.,
 * MobiCom 2017, and of ECF, Lim et al., CoNEXT 2017), and none at all when the others will be done by then. What the
 * reader needs next and a silent source owed is asked of the nearest before anything else. A block that holds up the
 * reader because its source is far too slow is asked for a second time elsewhere, at once; when nothing is left to ask
 * for, so are blocks that are expected late.
 */
export function planNext(input: PlanInput): Assignment | undefined {
  const usable = input.sources.filter((source) => !source.suspected && !source.paused);
  const orphan = orphanNearHead(usable, input);
  if (orphan !== undefined) return orphan;
  const rescuer = headRescuer(usable, input);
  if (rescuer !== undefined) return { pathId: rescuer.pathId, block: input.ledger.head, duplicate: true };
  const hungry = usable.filter((source) => source.expectedBytes < supplyTarget(source, input));
  hungry.sort((a, b) => a.etaMs(0, input.now) - b.etaMs(0, input.now));
  for (const source of hungry) {
    const block = freeBlockFor(source, input);
    if (block !== undefined) return { pathId: source.pathId, block, duplicate: isCopied(block, input) };
  }
  // Each leaves what is left to the others, and none of them is busy: somebody has to begin.
  const first = hungry.length === usable.length ? hungry[0] : undefined;
  const left = first === undefined ? undefined : freeBlockFor(first, input, 0);
  if (first !== undefined && left !== undefined) return { pathId: first.pathId, block: left, duplicate: false };
  for (const source of hungry) {
    const block = lateBlockFor(source, input);
    if (block !== undefined) return { pathId: source.pathId, block, duplicate: true };
  }
  return undefined;
}

function supplyTarget(source: ContentSource, { ledger, now }: PlanInput): number {
  const { size, blockBytes } = ledger.shape;
  const share = Math.min(FIRST_SUPPLY_BYTES, size * FIRST_SUPPLY_SHARE);
  const first = Math.max(FIRST_SUPPLY_BLOCKS * blockBytes, share);
  if (!source.measured) return first;
  const ms = SUPPLY_RTTS * source.rttMs + SUPPLY_SLACK_MS;
  const bytes = SUPPLY_BLOCKS * blockBytes + (source.rateBytesPerSecond(now) * ms) / 1000;
  return now - source.firstDataMs < ms ? Math.max(first, bytes) : bytes;
}

/** What the reader needs next and a source owed that fell silent: whoever is near takes it, whatever else it has to do. */
function orphanNearHead(usable: readonly ContentSource[], input: PlanInput): Assignment | undefined {
  const { ledger, windowEndBlock, now } = input;
  const end = Math.min(windowEndBlock, ledger.head + ORPHAN_BLOCKS);
  for (let block = ledger.head; block < end; block++) {
    if (!isCopied(block, input) || !isFree(block, input)) continue;
    const able = usable.filter(({ measured, pathId }) => measured && ledger.copy(block, pathId) === undefined);
    const bytes = ledger.lengthOf(block);
    const [best] = able.sort((a, b) => soonestMs(a, bytes, now) - soonestMs(b, bytes, now));
    if (best !== undefined) return { pathId: best.pathId, block, duplicate: true };
  }
  return undefined;
}

/** A block that nobody sends, at the distance that suits the source. */
function freeBlockFor(
  source: ContentSource,
  input: PlanInput,
  leave = blocksOthersDoFirst(source, input),
): number | undefined {
  const { ledger, windowEndBlock } = input;
  let skip = leave;
  for (let block = ledger.head; block < windowEndBlock; block++) {
    if (!isFree(block, input) || ledger.copy(block, source.pathId) !== undefined) continue;
    if (skip-- > 0) continue;
    return block;
  }
  return undefined;
}

/** How many free blocks the other sources will have brought before this one could bring its next. */
function blocksOthersDoFirst(source: ContentSource, { sources, ledger, now }: PlanInput): number {
  if (!source.measured && source.expected.size < FIRST_SUPPLY_BLOCKS) return 0;
  const mine = source.etaMs(ledger.shape.blockBytes, now);
  let bytes = 0;
  for (const other of sources) {
    if (other === source || other.suspected || !other.measured) continue;
    const lead = mine - other.etaMs(0, now);
    if (lead > 0) bytes += (lead / 1000) * other.rateBytesPerSecond(now);
  }
  return Math.floor(bytes / ledger.shape.blockBytes);
}

/**
 * Who brings the block that holds up the reader much sooner than the slow source that was asked for it. It may have much
 * to send already: servers send the lowest block first.
 */
function headRescuer(usable: readonly ContentSource[], input: PlanInput): ContentSource | undefined {
  const { ledger, sources, windowEndBlock, now } = input;
  const { head } = ledger;
  const heldUp = ledger.verifiedBytes - ledger.startOf(head);
  if (head >= windowEndBlock || heldUp < HELD_UP_BLOCKS * ledger.shape.blockBytes) return undefined;
  const bytes = ledger.lengthOf(head);
  let waitMs = Number.POSITIVE_INFINITY;
  for (const copy of ledger.copies(head)) {
    const other = sources.find(({ pathId }) => pathId === copy.pathId);
    if (other === undefined || other.suspected) continue;
    const leftMs = ((bytes - copy.received.size) / other.rateBytesPerSecond(now)) * 1000;
    const ageMs = now - copy.requestedAtMs;
    // Of which nothing has come may well take as long again.
    waitMs = Math.min(waitMs, Math.max(leftMs, other.rttMs - ageMs, copy.received.size === 0 ? ageMs : 0));
  }
  if (waitMs === Number.POSITIVE_INFINITY) return undefined;
  let best: ContentSource | undefined;
  let bestMs = Math.min(HEAD_GAIN * waitMs, waitMs - HEAD_MIN_GAIN_MS);
  for (const source of usable) {
    const mineMs = soonestMs(source, bytes, now);
    if (!source.measured || mineMs >= bestMs || !mayCopy(head, source, input)) continue;
    best = source;
    bestMs = mineMs;
  }
  // Asked last: it looks at everything that is under way.
  return best !== undefined && duplicatesAllowed(input) ? best : undefined;
}

/** Until the lowest block of all could be here: servers send that first, whatever else they have to send. */
function soonestMs(source: ContentSource, bytes: number, now: number): number {
  return source.rttMs + (bytes / source.rateBytesPerSecond(now)) * 1000;
}

/** The block that this source could bring earlier than the one that was asked, by the widest margin. */
function lateBlockFor(source: ContentSource, input: PlanInput): number | undefined {
  const { ledger, sources, windowEndBlock, now } = input;
  if (!duplicatesAllowed(input)) return undefined;
  let best: number | undefined;
  let bestGainMs = DUPLICATE_MIN_GAIN_MS;
  for (const other of sources) {
    if (other === source || other.suspected) continue;
    let aheadBytes = 0;
    const rate = other.rateBytesPerSecond(now);
    for (const copy of other.expectedInOrder()) {
      aheadBytes += copy.length - copy.received.size;
      if (copy.block >= windowEndBlock || !mayCopy(copy.block, source, input)) continue;
      const theirsMs = Math.max((aheadBytes / rate) * 1000, other.rttMs - (now - copy.requestedAtMs));
      const mineMs = source.etaMs(copy.length, now);
      const gainMs = theirsMs - mineMs;
      if (mineMs < theirsMs * DUPLICATE_GAIN && gainMs > bestGainMs) {
        best = copy.block;
        bestGainMs = gainMs;
      }
    }
  }
  return best !== undefined && !ledger.isVerified(best) ? best : undefined;
}

function mayCopy(block: number, source: ContentSource, { ledger, sources }: PlanInput): boolean {
  const copies = ledger.copies(block);
  if (copies.some((copy) => copy.pathId === source.pathId)) return false;
  const live = copies.filter((copy) => sources.some((other) => other.pathId === copy.pathId && !other.suspected));
  return live.length < MAX_COPIES;
}

function duplicatesAllowed({ ledger, sources }: PlanInput): boolean {
  let underWay = 0;
  for (const source of sources) {
    for (const copy of source.expected.values()) {
      if (ledger.copies(copy.block).length > 1) underWay += copy.length / 2;
    }
  }
  const left = ledger.shape.size - ledger.verifiedBytes;
  return underWay < Math.max(left * DUPLICATE_SHARE, DUPLICATE_MIN_BLOCKS * ledger.shape.blockBytes);
}

/** Nobody sends it, or only sources that are suspected. */
function isFree(block: number, { ledger, sources }: PlanInput): boolean {
  if (ledger.isVerified(block)) return false;
  return ledger
    .copies(block)
    .every((copy) => sources.some((source) => source.pathId === copy.pathId && source.suspected));
}

function isCopied(block: number, { ledger }: PlanInput): boolean {
  return ledger.copies(block).length > 0;
}
