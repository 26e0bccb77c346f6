import type { ContentUse } from '@kwik/paths';
import { KwikError, type PathId, type proto, type StreamId } from '@kwik/wire';
import type { Natives } from '../natives.js';
import { BlockLedger, type BlockCopy } from './block-ledger.js';
import { ContentSource } from './content-source.js';
import { DigestLedger } from './digest-ledger.js';
import { planNext } from './range-planner.js';

/** Bounds on what a primary may announce. */
const MIN_BLOCK_BYTES = 4 * 1024;
const MAX_BLOCK_BYTES = 1024 * 1024;
/** A source that was asked and sends nothing, though its path is alive, is passed over after this … */
const SOURCE_SILENCE_MS = 1000;
/** … or this many RTTs, whichever is longer. */
const SOURCE_SILENCE_RTTS = 6;
/** A source that refuses a range is passed over for this long at first. */
const REFUSAL_REST_MS = 250;
/** The primary's unasked bytes that are made room for; honest ones send less than what the first round trip carries. */
const MAX_UNASKED_BYTES = 4 * 1024 * 1024;
/** Separate pieces of one block: an honest server sends it in order, over a few real streams. */
const MAX_BLOCK_PIECES = 1024;

export type ContentCommand =
  | {
      readonly kind: 'request';
      readonly pathId: PathId;
      readonly block: number;
      readonly offset: number;
      readonly length: number;
      readonly withGrant: boolean;
    }
  | { readonly kind: 'cancel'; readonly pathId: PathId; readonly blocks: readonly number[] };

export interface VerifiedBlock {
  /** Offset in the stream. */
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface ContentViolation {
  readonly pathId: PathId;
  readonly block: number;
}

/**
 * The client's side of a multi-source stream: asks servers for blocks, checks what comes against the primary's
 * digests, and gives out verified blocks. Sans-IO; the request id of a block is its number.
 *
 * Calling contract: after any `handle…` or source change call `plan`, then take `takeVerified` and `takeViolations`.
 */
export class ContentReceiver {
  readonly streamId: StreamId;
  readonly baseOffset: number;
  readonly ledger: BlockLedger;
  readonly #digests: DigestLedger;
  readonly #sources = new Map<PathId, ContentSource>();
  readonly #refused = new Set<PathId>();
  #verified: VerifiedBlock[] = [];
  #violations: ContentViolation[] = [];
  #cancels = new Map<PathId, number[]>();

  constructor(start: proto.ContentStart, streamId: StreamId, sha256: Natives['sha256']) {
    const size = safeNumber(start.size, 'content size');
    if (start.blockBytes < MIN_BLOCK_BYTES || start.blockBytes > MAX_BLOCK_BYTES) {
      throw new KwikError(
        'ERR_KWIK_INVALID_MESSAGE',
        `block size ${start.blockBytes} is not from ${MIN_BLOCK_BYTES} to ${MAX_BLOCK_BYTES} bytes`,
      );
    }
    this.streamId = streamId;
    this.baseOffset = safeNumber(start.baseOffset, 'content offset');
    safeNumber(start.baseOffset + start.size, 'end of the content');
    this.ledger = new BlockLedger({ size, blockBytes: start.blockBytes });
    this.#digests = new DigestLedger(this.ledger.blockCount, sha256);
  }

  /** Stream offset behind it. */
  get end(): number {
    return this.baseOffset + this.ledger.shape.size;
  }

  get complete(): boolean {
    return this.ledger.complete;
  }

  get sources(): readonly ContentSource[] {
    return [...this.#sources.values()];
  }

  source(pathId: PathId): ContentSource | undefined {
    return this.#sources.get(pathId);
  }

  /** A server that may have the content. One that refused it before is not asked again. */
  addSource(pathId: PathId, primary: boolean, now: number): void {
    if (this.#sources.has(pathId) || this.#refused.has(pathId)) return;
    this.#sources.set(pathId, new ContentSource(pathId, primary, now));
  }

  /** The primary sends these first bytes without being asked. */
  expectUnasked(pathId: PathId, bytes: number, now: number): void {
    const source = this.#sources.get(pathId);
    if (source === undefined) return;
    source.grantSent = true;
    const end = Math.ceil(Math.min(bytes, MAX_UNASKED_BYTES, this.ledger.shape.size) / this.ledger.shape.blockBytes);
    for (let block = 0; block < end; block++) source.expect(this.ledger.expect(block, pathId, now), now);
  }

  /**
   * The server is lost to this content: what it owed is asked of others. Blocks that it sent whole and that wait for
   * their digest are kept, unless it has been caught lying.
   */
  removeSource(pathId: PathId, why: 'dead' | 'refused' | 'untrusted'): void {
    const source = this.#sources.get(pathId);
    if (why !== 'dead') this.#refused.add(pathId);
    if (source === undefined) return;
    this.#sources.delete(pathId);
    this.#cancels.delete(pathId);
    if (why === 'untrusted') this.ledger.forgetPath(pathId);
    else for (const copy of source.expected.values()) this.ledger.forget(copy);
  }

  /** The primary's digests have come for the blocks before this one. */
  get digestsEnd(): number {
    return this.#digests.end;
  }

  /** Whether another primary's digests are of the same content, as far as they can be compared. */
  agrees(firstBlock: number, digests: Uint8Array): boolean {
    return this.#digests.agrees(firstBlock, digests);
  }

  handleDigests(firstBlock: number, digests: Uint8Array, now: number): void {
    const { first, end } = this.#digests.add(firstBlock, digests);
    for (let block = first; block < end; block++) {
      for (const copy of [...this.ledger.copies(block)]) this.#tryVerify(copy, now);
      if (this.ledger.isVerified(block)) this.#digests.forget(block);
    }
  }

  /** Bytes at a content offset from a path. Returns how many were wanted. */
  handleData(pathId: PathId, offset: number, data: Uint8Array, now: number): number {
    const source = this.#sources.get(pathId);
    if (source === undefined || offset < 0 || offset + data.length > this.ledger.shape.size) return 0;
    let wanted = 0;
    let at = 0;
    while (at < data.length) {
      const block = Math.floor((offset + at) / this.ledger.shape.blockBytes);
      const inBlock = offset + at - this.ledger.startOf(block);
      const length = Math.min(data.length - at, this.ledger.lengthOf(block) - inBlock);
      wanted += this.#fill(source, block, inBlock, data.subarray(at, at + length), now);
      at += length;
    }
    source.duplicateBytes += data.length - wanted;
    return wanted;
  }

  handleRefused(pathId: PathId, blocks: readonly number[], now: number): void {
    const source = this.#sources.get(pathId);
    if (source === undefined) return;
    for (const block of blocks) {
      const copy = source.expected.get(block);
      if (copy === undefined) continue;
      source.release(copy, now);
      this.ledger.forget(copy);
      if (!source.isResting(now)) source.rest(REFUSAL_REST_MS, now);
    }
  }

  /**
   * Servers that are asked and do not deliver are passed over until they do. Call now and then.
   *
   * @param useOf what the health of a path allows
   */
  checkSources(now: number, useOf: (pathId: PathId) => ContentUse): void {
    for (const source of this.#sources.values()) {
      const use = useOf(source.pathId);
      const patienceMs = Math.max(SOURCE_SILENCE_MS, SOURCE_SILENCE_RTTS * source.rttMs);
      const silent = source.expected.size > 0 && now - source.lastDataMs > patienceMs;
      // What it owes is soon fetched elsewhere, and then it is not silent any more: its rest outlasts that.
      if (silent && !source.suspected) source.rest(patienceMs, now);
      else if (silent && !source.isResting(now)) this.#giveUp(source, now);
      source.suspected = (silent && source.expected.size > 0) || source.isResting(now) || use === 'replace';
      source.paused = use === 'await';
      // Servers send the lowest block first: what was passed over is lost, and is asked for again, of anybody.
      for (const copy of source.overdue(now, patienceMs)) {
        this.#cancel(copy, now);
        this.ledger.forget(copy);
      }
    }
  }

  /** What to tell the servers now. `windowEnd` is the first stream offset that the reader has no room for. */
  plan(now: number, windowEnd: number): ContentCommand[] {
    const commands: ContentCommand[] = [];
    for (const [pathId, blocks] of this.#cancels) commands.push({ kind: 'cancel', pathId, blocks });
    this.#cancels = new Map();
    const sources = this.sources;
    const windowEndBlock = this.ledger.blocksBefore(windowEnd - this.baseOffset);
    for (;;) {
      const next = planNext({ ledger: this.ledger, sources, windowEndBlock, now });
      if (next === undefined) return commands;
      const source = this.#sources.get(next.pathId)!;
      source.expect(this.ledger.expect(next.block, next.pathId, now), now);
      commands.push({
        kind: 'request',
        pathId: next.pathId,
        block: next.block,
        offset: this.ledger.startOf(next.block),
        length: this.ledger.lengthOf(next.block),
        withGrant: !source.grantSent,
      });
      source.grantSent = true;
    }
  }

  takeVerified(): VerifiedBlock[] {
    const verified = this.#verified;
    if (verified.length > 0) this.#verified = [];
    return verified;
  }

  /** Servers whose bytes did not match. */
  takeViolations(): ContentViolation[] {
    const violations = this.#violations;
    if (violations.length > 0) this.#violations = [];
    return violations;
  }

  progress(): proto.SourceProgress[] {
    return this.sources.map((source) => ({
      pathId: source.pathId,
      deliveredBytes: BigInt(source.deliveredBytes),
      duplicateBytes: BigInt(source.duplicateBytes),
      rejectedBytes: BigInt(source.rejectedBytes),
    }));
  }

  #fill(source: ContentSource, block: number, inBlock: number, data: Uint8Array, now: number): number {
    const copy = source.expected.get(block);
    if (copy === undefined) return 0;
    const fresh = copy.add(inBlock, data);
    if (fresh === 0) return 0;
    source.handleData(fresh, now);
    if (copy.received.rangeCount > MAX_BLOCK_PIECES) {
      source.release(copy, now);
      this.ledger.forget(copy);
      this.#violations.push({ pathId: copy.pathId, block });
      return 0;
    }
    if (copy.whole) {
      source.complete(copy, now);
      this.#tryVerify(copy, now);
    }
    return fresh;
  }

  #tryVerify(copy: BlockCopy, now: number): void {
    const { bytes } = copy;
    if (bytes === undefined) return;
    const source = this.#sources.get(copy.pathId);
    const good = source?.primary === true ? true : this.#digests.check(copy.block, bytes);
    if (good === undefined) return;
    if (!good) {
      this.ledger.forget(copy);
      if (source !== undefined) source.rejectedBytes += copy.length;
      this.#violations.push({ pathId: copy.pathId, block: copy.block });
      return;
    }
    this.#verified.push({ offset: this.baseOffset + this.ledger.startOf(copy.block), data: bytes });
    this.#digests.forget(copy.block);
    for (const left of this.ledger.verify(copy.block)) if (left !== copy) this.#cancel(left, now);
  }

  /** It had its time: it owes nothing any more, and may be asked anew. */
  #giveUp(source: ContentSource, now: number): void {
    for (const copy of [...source.expected.values()]) {
      this.#cancel(copy, now);
      this.ledger.forget(copy);
    }
  }

  #cancel(copy: BlockCopy, now: number): void {
    const source = this.#sources.get(copy.pathId);
    if (source?.expected.has(copy.block) !== true) return;
    source.release(copy, now);
    const blocks = this.#cancels.get(copy.pathId) ?? [];
    blocks.push(copy.block);
    this.#cancels.set(copy.pathId, blocks);
  }
}

function safeNumber(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${what} ${value} is beyond 2^53-1`);
  }
  return Number(value);
}
