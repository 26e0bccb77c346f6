import {
  isUnidirectional,
  KwikError,
  makeStreamId,
  streamInitiator,
  type StreamId,
  type StreamInitiator,
} from '@kwik/wire';
import type { MemoryAccount } from '../costs/memory-ledger.js';
import { ReceiveHalf } from './receive-half.js';
import { SendHalf } from './send-half.js';
import { BULK, type CheckedIntent } from './stream-intent.js';
import type { ResumedNumbers, StreamNumbers } from './stream-numbers.js';
import { DEFAULT_PRIORITY, type StreamState } from './stream-state.js';
import { WindowBudget } from './window-budget.js';

/** Of the session's window, for windows of streams that have grown; the rest is for those that have not. */
const GROWN_SHARE = 0.5;

export interface StreamTableOptions {
  readonly side: StreamInitiator;
  /** Streams of each kind that the peer may have open at once. */
  readonly maxStreams: number;
  /** Receive window that this end gives to each stream at the most, bytes. */
  readonly streamWindowBytes: number;
  /** Receive window of all of them together on one path. Default: no bound. */
  readonly pathWindowBytes?: number;
  readonly sendBufferBytes: number;
  /** Of the session; what its streams hold is charged to it. */
  readonly account?: MemoryAccount | undefined;
  /** Of a session that another server began. Default: it begins here. */
  readonly numbers?: ResumedNumbers | undefined;
}

/** What the peer allows; known after the handshake. */
export interface PeerStreamLimits {
  readonly maxBidiStreams: number;
  readonly maxUniStreams: number;
  readonly streamWindowBytes: number;
}

type Kind = 'bidi' | 'uni';

/** Of a stream that this end opens. */
interface OwnOpening {
  readonly opening: bigint;
  readonly openedWith: CheckedIntent | undefined;
}

/** All logical streams of a session at one end: ids, credit both ways, look-up, end of life. */
export class StreamTable {
  readonly #options: StreamTableOptions;
  readonly #streams = new Map<StreamId, StreamState>();
  readonly #opened: Record<Kind, bigint> = { bidi: 0n, uni: 0n };
  readonly #peerAllows: Record<Kind, bigint> = { bidi: 0n, uni: 0n };
  readonly #accepted: Record<Kind, bigint> = { bidi: 0n, uni: 0n };
  readonly #weAllow: Record<Kind, bigint>;
  readonly #closedByKind: Record<Kind, bigint> = { bidi: 0n, uni: 0n };
  readonly #windowBudget: WindowBudget;
  #peerStreamWindow = 0;

  constructor(options: StreamTableOptions) {
    this.#options = options;
    this.#windowBudget = new WindowBudget(GROWN_SHARE * (options.pathWindowBytes ?? Number.POSITIVE_INFINITY));
    this.#weAllow = { bidi: BigInt(options.maxStreams), uni: BigInt(options.maxStreams) };
    if (options.numbers !== undefined) this.#goOn(options.numbers);
  }

  get numbers(): StreamNumbers {
    return { own: { ...this.#opened }, peer: { ...this.#accepted }, peerMayOpen: { ...this.#weAllow } };
  }

  /** All streams so far are over. */
  #goOn({ own, peer, mayOpen }: ResumedNumbers): void {
    for (const kind of ['bidi', 'uni'] as const) {
      this.#opened[kind] = own[kind];
      this.#accepted[kind] = peer[kind];
      this.#closedByKind[kind] = peer[kind];
      this.#weAllow[kind] += peer[kind];
      this.#peerAllows[kind] = mayOpen[kind];
    }
  }

  get size(): number {
    return this.#streams.size;
  }

  setPeerLimits(limits: PeerStreamLimits): void {
    this.#peerStreamWindow = limits.streamWindowBytes;
    this.handleMaxStreams(false, BigInt(limits.maxBidiStreams));
    this.handleMaxStreams(true, BigInt(limits.maxUniStreams));
  }

  /** True when the peer allows more than before. */
  handleMaxStreams(unidirectional: boolean, maxStreams: bigint): boolean {
    const kind = unidirectional ? 'uni' : 'bidi';
    if (maxStreams <= this.#peerAllows[kind]) return false;
    this.#peerAllows[kind] = maxStreams;
    return true;
  }

  canOpen(unidirectional: boolean): boolean {
    const kind = unidirectional ? 'uni' : 'bidi';
    return this.#opened[kind] < this.#peerAllows[kind];
  }

  open(unidirectional: boolean, priority = DEFAULT_PRIORITY, openedWith?: CheckedIntent): StreamState {
    const kind = unidirectional ? 'uni' : 'bidi';
    if (!this.canOpen(unidirectional)) {
      throw new KwikError(
        'ERR_KWIK_STREAM_LIMIT',
        `the peer allows ${this.#peerAllows[kind]} ${kind} streams and all are in use; close some, or wait with openStreamSync`,
      );
    }
    const id = makeStreamId(this.#opened[kind]++, this.#options.side, unidirectional);
    return this.#create(id, priority, { opening: this.#opened.bidi + this.#opened.uni, openedWith });
  }

  get(id: StreamId): StreamState | undefined {
    return this.#streams.get(id);
  }

  values(): IterableIterator<StreamState> {
    return this.#streams.values();
  }

  /** Lets go of all that streams hold to be read: the session is over, and its memory is wanted. */
  releaseBuffers(): void {
    for (const { receive, supply, authority } of this.#streams.values()) {
      receive?.abandon();
      supply?.clear();
      authority?.release();
    }
  }

  /**
   * The stream that a peer's frame names. Opens it, and those of its kind below it (RFC 9000, section 3.2), when the
   * peer may; undefined when it has been closed; throws when it never can have been. Without `created` nothing is
   * opened: a secondary names only streams of which the primary has spoken to this end before.
   */
  require(id: StreamId, created?: (stream: StreamState) => void): StreamState | undefined {
    const known = this.#streams.get(id);
    if (known !== undefined) return known;
    const kind = isUnidirectional(id) ? 'uni' : 'bidi';
    const index = id >> 2n;
    if (streamInitiator(id) === this.#options.side) {
      if (index < this.#opened[kind]) return undefined;
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer names stream ${id}, which was never opened here`);
    }
    if (index < this.#accepted[kind]) return undefined;
    if (created === undefined) {
      throw new KwikError(
        'ERR_KWIK_PROTOCOL_VIOLATION',
        `a secondary names stream ${id}, which the session does not have`,
      );
    }
    if (index >= this.#weAllow[kind]) {
      throw new KwikError(
        'ERR_KWIK_STREAM_LIMIT',
        `the peer opens stream ${id}, beyond its limit of ${this.#weAllow[kind]}`,
        {
          scope: 'peer',
        },
      );
    }
    while (this.#accepted[kind] <= index) {
      const next = makeStreamId(this.#accepted[kind]++, streamInitiator(id), kind === 'uni');
      created(this.#create(next, DEFAULT_PRIORITY));
    }
    return this.#streams.get(id);
  }

  /** There was such a stream, and it is over. */
  isOver(id: StreamId): boolean {
    const counts = streamInitiator(id) === this.#options.side ? this.#opened : this.#accepted;
    return !this.#streams.has(id) && id >> 2n < counts[isUnidirectional(id) ? 'uni' : 'bidi'];
  }

  /** A stream of the session that another server has: this one writes into it, reads nothing, and gives no credit for it. */
  attach(id: StreamId): StreamState {
    const known = this.#streams.get(id);
    if (known !== undefined) return known;
    const stream: StreamState = {
      id,
      opening: undefined,
      priority: DEFAULT_PRIORITY,
      intent: BULK,
      openedWith: undefined,
      ownIntent: false,
      receive: undefined,
      send: this.#sendHalf(id),
      supply: undefined,
      authority: undefined,
      lane: undefined,
      resetSent: false,
      accepted: true,
      attached: true,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  /** Forgets a stream whose halves are done; returns the new stream limit to announce to the peer, if it moved. */
  remove(id: StreamId): { unidirectional: boolean; maxStreams: bigint } | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    stream.authority?.release();
    this.#streams.delete(id);
    // The peer has opened an attached one elsewhere, and gets its credit there.
    if (stream.attached || streamInitiator(id) === this.#options.side) return undefined;
    const unidirectional = isUnidirectional(id);
    const kind = unidirectional ? 'uni' : 'bidi';
    this.#closedByKind[kind]++;
    this.#weAllow[kind] = BigInt(this.#options.maxStreams) + this.#closedByKind[kind];
    return { unidirectional, maxStreams: this.#weAllow[kind] };
  }

  #create(id: StreamId, priority: number, own?: OwnOpening): StreamState {
    const unidirectional = isUnidirectional(id);
    const mine = own !== undefined;
    const { opening, openedWith } = own ?? {};
    const stream: StreamState = {
      id,
      opening,
      priority: openedWith?.priority ?? priority,
      intent: openedWith?.send ?? BULK,
      openedWith,
      ownIntent: mine,
      receive: unidirectional && mine ? undefined : this.#receiveHalf(id),
      send: unidirectional && !mine ? undefined : this.#sendHalf(id),
      supply: undefined,
      authority: undefined,
      lane: undefined,
      resetSent: false,
      accepted: mine,
      attached: false,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  #receiveHalf(id: StreamId): ReceiveHalf {
    const { streamWindowBytes, account } = this.#options;
    return new ReceiveHalf(id, streamWindowBytes, account, this.#windowBudget);
  }

  #sendHalf(id: StreamId): SendHalf {
    const { sendBufferBytes: bufferBytes, account } = this.#options;
    return new SendHalf(id, { maxOffset: this.#peerStreamWindow, bufferBytes, ahead: account?.writing });
  }
}
