import { createHash } from 'node:crypto';
import { proto, toPathId, makeStreamId, type PathId } from '@kwik/wire';
import { ContentReceiver, type ContentCommand, type ContentViolation } from '../core/content/content-receiver.js';
import { RangeSupply } from '../core/content/range-supply.js';
import { NODE_NATIVES } from '../runtime/host/node-natives.js';
import { patternBytes } from './random.js';

export const BASE_OFFSET = 1000;
/** Frames take about 5 ms of the path, from a datagram to 16 kB, as frameBudgetBytes has it. */
const FRAME_SECONDS = 0.005;
const MIN_FRAME_BYTES = 1200;
const MAX_FRAME_BYTES = 16_384;
const CHECK_EVERY_MS = 20;
const DIGESTS_AT_ONCE = 16;
/** A path that died is noticed so much later. */
const DETECTION_MS = 100;

export interface ServerShape {
  readonly bytesPerSecond: number;
  readonly rttMs: number;
  /** Its path is cut at this time. */
  readonly diesAtMs?: number;
  /** Blocks whose bytes it falsifies. */
  readonly falsifies?: (block: number) => boolean;
  /** It answers that it does not have the content. */
  readonly refuses?: boolean;
  /** It refuses each range, one by one. */
  readonly refusesRanges?: boolean;
  /** It takes requests and sends nothing, from this time on. */
  readonly silentFromMs?: number;
  /** Requests that it loses, by their count. */
  readonly skips?: (request: number) => boolean;
}

export interface WorldShape {
  readonly size: number;
  readonly blockBytes: number;
  readonly windowBytes: number;
  /** How fast the application reads. */
  readonly readerBytesPerSecond: number;
  /** The first is the primary. */
  readonly servers: readonly ServerShape[];
  /** Digests come so many blocks at a time, this far apart. */
  readonly digestEveryMs: number;
}

export interface WorldReport {
  readonly complete: boolean;
  readonly endedMs: number;
  readonly exact: boolean;
  readonly arrivedBytes: number;
  readonly violations: readonly ContentViolation[];
  /** Requests per path. */
  readonly requests: ReadonlyMap<PathId, number>;
  readonly longestGapMs: number;
  /** What should never have been asked for. */
  readonly faults: readonly string[];
}

class SimulatedServer {
  readonly shape: ServerShape;
  readonly pathId: PathId;
  readonly supply: RangeSupply;
  readonly #content: Uint8Array;
  readonly #blockBytes: number;
  readonly #frameBytes: number;
  #credit = 0;
  #requests = 0;

  constructor(shape: ServerShape, pathId: PathId, content: Uint8Array, blockBytes: number) {
    this.shape = shape;
    this.pathId = pathId;
    this.#content = content;
    this.#blockBytes = blockBytes;
    const wanted = Math.round(shape.bytesPerSecond * FRAME_SECONDS);
    this.#frameBytes = Math.min(Math.max(wanted, MIN_FRAME_BYTES), MAX_FRAME_BYTES);
    this.supply = new RangeSupply({ baseOffset: 0, size: content.length });
  }

  request(block: number, offset: number, length: number): void {
    if (this.shape.skips?.(this.#requests++) === true) return;
    this.supply.request(BigInt(block), offset, length);
  }

  /** What it puts on the wire within a millisecond. */
  send(now: number): { offset: number; data: Uint8Array }[] {
    if (now >= (this.shape.silentFromMs ?? Number.POSITIVE_INFINITY)) return [];
    for (let read = this.supply.nextRead(); read !== undefined; read = this.supply.nextRead()) {
      this.supply.supply(this.#content.subarray(read.offset, read.offset + read.length));
    }
    if (!this.supply.hasData) return [];
    const sent: { offset: number; data: Uint8Array }[] = [];
    for (this.#credit += this.shape.bytesPerSecond / 1000; this.#credit > 0; ) {
      const piece = this.supply.take(this.#frameBytes);
      if (piece === undefined) break;
      this.#credit -= piece.data.length;
      const isFalse = this.shape.falsifies?.(Math.floor(piece.offset / this.#blockBytes)) === true;
      sent.push({ offset: piece.offset, data: isFalse ? piece.data.map((byte) => byte ^ 1) : piece.data });
    }
    if (!this.supply.hasData) this.#credit = Math.min(this.#credit, 0);
    return sent;
  }
}

/** A client and its servers on virtual time, in steps of a millisecond. */
export class ContentWorld {
  readonly #shape: WorldShape;
  readonly #content: Uint8Array;
  readonly #receiver: ContentReceiver;
  readonly #servers: Map<PathId, SimulatedServer>;
  /** What happens in each millisecond. */
  readonly #events = new Map<number, (() => void)[]>();
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #requests = new Map<PathId, number>();
  readonly #violations: ContentViolation[] = [];
  readonly #faults: string[] = [];
  readonly #read: Uint8Array;
  #readBytes = 0;
  #readyBytes = 0;
  #arrivedBytes = 0;
  #readCredit = 0;
  #lastReadyMs = 0;
  #longestGapMs = 0;
  #now = 0;

  constructor(shape: WorldShape) {
    this.#shape = shape;
    this.#content = patternBytes(shape.size);
    this.#read = new Uint8Array(shape.size);
    this.#receiver = new ContentReceiver(startOf(shape), makeStreamId(0n, 'server', true), NODE_NATIVES.sha256);
    this.#servers = new Map(
      shape.servers.map((server, index) => {
        const pathId = toPathId(index);
        this.#receiver.addSource(pathId, index === 0, 0);
        return [pathId, new SimulatedServer(server, pathId, this.#content, shape.blockBytes)];
      }),
    );
    for (const { pathId, shape: server } of this.#servers.values()) {
      if (server.diesAtMs === undefined) continue;
      this.#at(server.diesAtMs, () => this.#servers.delete(pathId));
      this.#at(server.diesAtMs + DETECTION_MS, () => this.#receiver.removeSource(pathId, 'dead'));
    }
    this.#sendDigests();
  }

  run(untilMs: number): WorldReport {
    this.#plan();
    for (this.#now = 1; this.#now < untilMs && !this.#receiver.complete; this.#now++) {
      const due = this.#events.get(this.#now);
      this.#events.delete(this.#now);
      for (const run of due ?? []) run();
      for (const server of this.#servers.values()) {
        for (const { offset, data } of server.send(this.#now)) {
          this.#at(this.#now + server.shape.rttMs / 2, () => this.#arrive(server, offset, data));
        }
      }
      this.#readSome();
      if (due !== undefined || this.#now % CHECK_EVERY_MS === 0) this.#plan();
    }
    return {
      complete: this.#receiver.complete,
      endedMs: this.#now,
      exact: this.#readyBytes === this.#content.length && Buffer.from(this.#read).equals(this.#content),
      arrivedBytes: this.#arrivedBytes,
      violations: this.#violations,
      requests: this.#requests,
      longestGapMs: this.#longestGapMs,
      faults: this.#faults,
    };
  }

  #at(atMs: number, run: () => void): void {
    const slot = Math.max(this.#now + 1, Math.round(atMs));
    const events = this.#events.get(slot);
    if (events === undefined) this.#events.set(slot, [run]);
    else events.push(run);
  }

  #arrive(server: SimulatedServer, offset: number, data: Uint8Array): void {
    if (!this.#servers.has(server.pathId)) return;
    this.#arrivedBytes += data.length;
    this.#receiver.handleData(server.pathId, offset, data, this.#now);
  }

  #plan(): void {
    const receiver = this.#receiver;
    for (const source of receiver.sources) source.rttMs = this.#shape.servers[source.pathId]!.rttMs;
    receiver.checkSources(this.#now, () => 'ask');
    for (const violation of receiver.takeViolations()) {
      this.#violations.push(violation);
      receiver.removeSource(violation.pathId, 'untrusted');
      this.#servers.delete(violation.pathId);
    }
    const windowEnd = BASE_OFFSET + this.#readBytes + this.#shape.windowBytes;
    for (const command of receiver.plan(this.#now, windowEnd)) this.#carryOut(command, windowEnd);
    for (const { offset, data } of receiver.takeVerified()) this.#keepVerified(offset - BASE_OFFSET, data);
  }

  #carryOut(command: ContentCommand, windowEnd: number): void {
    const server = this.#servers.get(command.pathId);
    const rttMs = this.#shape.servers[command.pathId]!.rttMs;
    if (command.kind === 'cancel') {
      this.#at(this.#now + rttMs / 2, () => server?.supply.cancel(command.blocks.map(BigInt)));
      return;
    }
    const { pathId, block, offset, length } = command;
    this.#requests.set(pathId, (this.#requests.get(pathId) ?? 0) + 1);
    if (BASE_OFFSET + offset + length > windowEnd) this.#faults.push(`block ${block} is beyond the window`);
    if (this.#receiver.source(pathId)?.suspected !== false) this.#faults.push(`path ${pathId} is suspected`);
    if (this.#receiver.ledger.isVerified(block)) this.#faults.push(`block ${block} is there already`);
    if (server?.shape.refuses === true) {
      this.#at(this.#now + rttMs, () => this.#receiver.removeSource(pathId, 'refused'));
    } else if (server?.shape.refusesRanges === true) {
      this.#at(this.#now + rttMs, () => this.#receiver.handleRefused(pathId, [block], this.#now));
    } else {
      this.#at(this.#now + rttMs / 2, () => server?.request(block, offset, length));
    }
  }

  #keepVerified(offset: number, data: Uint8Array): void {
    this.#blocks.set(offset, data);
    for (let next = this.#blocks.get(this.#readyBytes); next !== undefined; next = this.#blocks.get(this.#readyBytes)) {
      this.#blocks.delete(this.#readyBytes);
      this.#read.set(next, this.#readyBytes);
      this.#readyBytes += next.length;
      this.#longestGapMs = Math.max(this.#longestGapMs, this.#now - this.#lastReadyMs);
      this.#lastReadyMs = this.#now;
    }
  }

  #readSome(): void {
    this.#readCredit += this.#shape.readerBytesPerSecond / 1000;
    const bytes = Math.min(Math.floor(this.#readCredit), this.#readyBytes - this.#readBytes);
    this.#readBytes += bytes;
    this.#readCredit = Math.min(this.#readCredit - bytes, this.#shape.readerBytesPerSecond);
  }

  #sendDigests(): void {
    const { blockBytes, digestEveryMs, servers } = this.#shape;
    const blockCount = this.#receiver.ledger.blockCount;
    let atMs = servers[0]!.rttMs / 2;
    for (let first = 0; first < blockCount; first += DIGESTS_AT_ONCE) {
      const digests: Buffer[] = [];
      for (let block = first; block < Math.min(blockCount, first + DIGESTS_AT_ONCE); block++) {
        const bytes = this.#content.subarray(block * blockBytes, (block + 1) * blockBytes);
        digests.push(createHash('sha256').update(bytes).digest());
      }
      atMs += digestEveryMs;
      this.#at(atMs, () => this.#receiver.handleDigests(first, Buffer.concat(digests), this.#now));
    }
  }
}

export function startOf(shape: { size: number; blockBytes: number }): proto.ContentStart {
  return {
    streamId: makeStreamId(0n, 'server', true),
    baseOffset: BigInt(BASE_OFFSET),
    key: 'file',
    size: BigInt(shape.size),
    blockBytes: shape.blockBytes,
    digest: proto.DigestAlgorithm.SHA256,
    grant: new Uint8Array(0),
    initialBytes: 0n,
    endsStream: false,
  };
}
