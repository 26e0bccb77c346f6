import type { proto } from '@kwik/wire';
import {
  blockedFrame,
  datagramFrame,
  KwikError,
  maxStreamsFrame,
  resetStreamFrame,
  stopSendingFrame,
  windowUpdateFrame,
  type PathId,
  type StreamId,
} from '@kwik/wire';
import { needsReinjection, ranksAbove, type PathHealth } from '@kwik/paths';
import type { CheckedIntent } from '../streams/stream-intent.js';
import { StreamPicker } from '../streams/stream-picker.js';
import { StreamTable, type StreamTableOptions } from '../streams/stream-table.js';
import { isDone, type StreamState } from '../streams/stream-state.js';
import type { ReadChunk } from '../streams/reassembler.js';
import { DatagramQueue, type WaitingDatagram } from '../datagrams/datagram-queue.js';
import { DataEventQueue } from './data-event-queue.js';
import type { DataEvent } from './data-events.js';
import type { Carry, ControlFrame, DataPath, PathPeer, SentContent } from './data-path.js';
import { FrameReceiver } from './frame-receiver.js';
import { makeDataPath, type OwnEnd } from './make-data-path.js';
import { PacketBuilder } from './packet-builder.js';
import { answers, backupsBeside, bestOf, takesData } from './paths-to-peer.js';
import { Reinjector } from './reinjector.js';
import { resumedCredit } from './resumed-credit.js';
import { StreamWriters } from './stream-writers.js';
import { UnsentFrames } from './unsent-frames.js';
import { WriterWaste } from './writer-waste.js';
import type { RangeSink } from './range-sink.js';

export interface DataPlaneOptions extends OwnEnd, Omit<StreamTableOptions, 'side' | 'pathWindowBytes'> {
  /** The client's content receivers. */
  readonly rangeSink?: RangeSink;
  /** Whether this end spares what copies cost that only save time. Default: always. */
  readonly allowsCopies?: () => boolean;
}

/**
 * The data plane of a session at one end: logical streams over the packets of all paths. Sans-IO and deterministic.
 *
 * Calling contract: `handle…` takes what came from a peer; the application's calls (`open`, `accept`, `read`, `markReady`, …)
 * change streams; `addPath`, `setHealth` and `removePath` change paths. After each of these, take `nextEvent` until it is
 * undefined, and `pollPacket` for each path that can carry a packet; do the latter again at `nextTimeoutMs`.
 */
export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly streams: StreamTable;
  /** Which server writes what, at a client. */
  readonly writers: StreamWriters;
  /** What the pieces that came cost, and who is to blame for it. */
  readonly waste: WriterWaste;
  /** Those that wait to be sent. */
  readonly datagrams = new DatagramQueue();
  /** Whose turn it is to be sent. */
  readonly turns = new StreamPicker();
  readonly #paths = new Map<PathId, DataPath>();
  readonly #reinjector: Reinjector;
  readonly #events = new DataEventQueue();
  readonly #unsent = new UnsentFrames();
  readonly #receiver: FrameReceiver;
  readonly #builder: PacketBuilder;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.streams = new StreamTable({
      ...options,
      side: options.role === 'client' ? 'client' : 'server',
      maxStreams: options.role === 'secondary' ? 0 : options.maxStreams,
    });
    this.#reinjector = new Reinjector((id, surely) => answers(this.#paths.get(id), surely), options.allowsCopies);
    const emit = (event: DataEvent): void => this.#events.push(event);
    this.writers = new StreamWriters(this, options.account);
    this.waste = new WriterWaste(this, emit);
    this.#builder = new PacketBuilder(this.turns, this.#reinjector.queue, emit);
    this.#receiver = new FrameReceiver({
      role: options.role,
      streams: this.streams,
      writers: this.writers,
      picker: this.turns,
      rangeSink: options.rangeSink,
      inflate: options.natives.inflate,
      emit,
      path: (id) => this.#paths.get(id),
      retireIfDone: (stream) => this.retireIfDone(stream),
      announceWindow: (stream) => this.#announceWindow(stream),
      doubtBeside: (path, now) => this.#reinjector.doubt(path, this.#paths.values(), now),
      stopped: (stream, code) => this.resetStream(stream, code),
    });
    if (options.numbers !== undefined) this.#tell(undefined, resumedCredit(this.streams));
  }

  // --- Paths ---

  addPath(id: PathId, peer: PathPeer): DataPath {
    const path = makeDataPath(id, peer, this.#options);
    this.#paths.set(id, path);
    if (!path.toPeer) return path;
    if (peer.anew === true) this.#receiver.newPeer();
    this.streams.setPeerLimits(peer);
    this.datagrams.maxBytes = peer.maxDatagramBytes ?? 0;
    this.#events.push({ kind: 'credit' });
    this.#tell(path, [...this.#reinjector.relieve(path, this.#paths.values()), ...this.#unsent.take()]);
    return path;
  }

  /** What a path that stops answering has not delivered goes out again on others of the same peer, with its control frames. */
  setHealth(id: PathId, health: PathHealth, now: number): void {
    const path = this.#paths.get(id);
    if (path === undefined) return;
    const { health: before, available: wasAvailable } = path;
    path.health = health;
    if (path.available && !wasAvailable) this.#reinjector.queue.drop(id);
    if (!path.toPeer || needsReinjection(health) === needsReinjection(before)) return;
    if (ranksAbove(health, before)) this.#tell(path, this.#reinjector.relieve(path, this.#paths.values()));
    else if (needsReinjection(health) && this.defaultPath !== path) {
      const frames = this.#reinjector.takeOver(path, [...this.#paths.values()], now);
      this.#tell(this.defaultPath, frames);
    }
  }

  /** The path that takes everything when writes are not spread. */
  get defaultPath(): DataPath | undefined {
    return bestOf(this.#paths.values());
  }

  /** Payload that went out again although its path had not died. */
  get copiedBytes(): number {
    return this.#reinjector.queue.copiedBytes;
  }

  path(id: PathId): DataPath | undefined {
    return this.#paths.get(id);
  }

  /** The path is gone: what it had not delivered goes out again on whatever path carries these streams next. */
  removePath(id: PathId): void {
    const path = this.#paths.get(id);
    if (path === undefined) return;
    this.#paths.delete(id);
    this.#reinjector.queue.forget(id);
    const { pieces, frames } = path.takeUndelivered();
    this.#sendAgain(id, pieces);
    for (const { receive, supply } of this.streams.values()) {
      receive?.writers.delete(id);
      supply?.removePath(id);
    }
    if (path.toPeer) this.#tell(this.defaultPath, frames);
  }

  #sendAgain(id: PathId, pieces: SentContent['pieces']): void {
    for (const piece of pieces) {
      const stream = this.streams.get(piece.streamId);
      piece.holders = piece.holders?.filter((holder) => holder !== id);
      stream?.send?.handleLost(piece);
      if (stream !== undefined) this.turns.add(stream);
    }
  }

  handleChunk(pathId: PathId, realStreamId: number, chunk: Uint8Array, now: number): void {
    const path = this.#paths.get(pathId);
    if (path === undefined || path.violated) return;
    this.#guard(pathId, () => {
      const reader = path.reader(realStreamId);
      reader.push(chunk);
      for (;;) {
        const packet = reader.next();
        if (packet === undefined || path.violated) break;
        this.#receiver.handlePacket(path, packet, now);
      }
    });
  }

  handleRealStreamEnd(pathId: PathId, realStreamId: number): void {
    const path = this.#paths.get(pathId);
    if (path === undefined || path.violated) return;
    this.#guard(pathId, () => path.endReader(realStreamId));
  }

  /** Whether `pollPacket` would surely give nothing for a path, however much room it had. */
  hasNothingFor(pathId: PathId, now: number): boolean {
    const path = this.#paths.get(pathId);
    if (path === undefined) return true;
    // Of several paths to one peer, one may help another.
    const carries = path.toPeer && (!this.turns.empty || this.#paths.size > 1);
    return !carries && !this.hasUrgent(pathId, now);
  }

  /** The next packet for a path that can carry about `maxBytes` now, with its length prefix; undefined: nothing to send. */
  pollPacket(pathId: PathId, maxBytes: number, now: number, carry: Carry = 'all'): Uint8Array | undefined {
    const path = this.#paths.get(pathId);
    if (path === undefined) return undefined;
    const carries = takesData(path, this.#paths) ? carry : 'nothing';
    if (carries !== 'nothing' && maxBytes > 0 && this.#paths.size > 1 && this.turns.empty) {
      this.#reinjector.look(path, this.#paths.values(), now);
    }
    const packet = this.#builder.build(path, maxBytes, carries, now, backupsBeside(path, this.#paths));
    if (packet === undefined) return undefined;
    return path.encode(packet, packet.payloadBytes);
  }

  /** A copy of what the last packet of one path carried, for another path; without room there, for the first that has some. */
  pollCopy(from: PathId, to: PathId, maxBytes: number, now: number): Uint8Array | undefined {
    const newest = this.#paths.get(from)?.sent.newest();
    if (newest === undefined || !this.#paths.has(to)) return undefined;
    this.#reinjector.duplicate(newest.pieces, from);
    return maxBytes > 0 ? this.pollPacket(to, maxBytes, now, 'copies') : undefined;
  }

  /** Payload of streams that went out, again or for the first time. */
  get sentStreamBytes(): number {
    return this.#builder.sentStreamBytes;
  }

  /** A packet of one datagram for a path, with its length prefix; undefined when the path takes none now. */
  pollDatagram(pathId: PathId, datagram: WaitingDatagram, now: number): Uint8Array | undefined {
    const path = this.#paths.get(pathId);
    const packet = path && this.#builder.buildDatagram(path, datagramFrame(datagram), datagram.data.length, now);
    return packet && path.encode(packet, packet.payloadBytes);
  }

  /** Whether an acknowledgement or control frame waits that must not wait for room in a window. */
  hasUrgent(pathId: PathId, now: number): boolean {
    const path = this.#paths.get(pathId);
    if (path === undefined) return false;
    const due = path.acks.ackDueAtMs();
    return path.hasPendingFrames || (due !== undefined && due <= now);
  }

  /** @param takes whether a path takes packets now; one that does not is asked again when it does, not before */
  nextTimeoutMs(takes: (path: PathId) => boolean = () => true): number | undefined {
    let next: number | undefined;
    for (const path of this.#paths.values()) {
      const due = path.sent.full || !takes(path.id) ? undefined : path.acks.ackDueAtMs();
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  nextEvent(): DataEvent | undefined {
    return this.#events.shift();
  }

  // --- The application's side ---

  open(unidirectional: boolean, priority?: number, openedWith?: CheckedIntent): StreamState {
    return this.streams.open(unidirectional, priority, openedWith);
  }

  /** A stream that the control plane announced; undefined when it is over. */
  handleStreamOpened(id: StreamId): StreamState | undefined {
    return this.streams.require(id, (stream) => this.#events.push({ kind: 'opened', stream }));
  }

  /** The application has the stream that the peer opened. One that is over by now makes room for a new one. */
  accept(stream: StreamState): void {
    stream.accepted = true;
    this.retireIfDone(stream);
  }

  /** The stream has something to send; call it after each write to its half. */
  markReady(stream: StreamState): void {
    this.turns.add(stream);
    const blockedAt = stream.send?.takeBlocked();
    if (blockedAt === undefined) return;
    const frame = blockedFrame({ streamId: stream.id, limit: BigInt(blockedAt) });
    this.#queue(this.defaultPath, `blocked ${stream.id}`, frame);
  }

  read(stream: StreamState, maxBytes?: number): ReadChunk | undefined {
    const chunk = stream.receive?.read(maxBytes);
    if (chunk === undefined) return undefined;
    const origin = chunk.origin as PathId;
    this.#guard(origin, () => this.#receiver.consume(this.#paths.get(origin), chunk.data.length));
    if (stream.receive?.takeWindowUpdate() !== undefined) this.#announceWindow(stream);
    this.retireIfDone(stream);
    return chunk;
  }

  /** The client's first bytes in the stream came with its hello; no path brought them, so none gets credit back for them. */
  handleEarly(stream: StreamState, data: Uint8Array, fin: boolean): void {
    stream.receive?.handleEarly(data, fin);
    this.#events.push({ kind: 'readable', streamId: stream.id });
  }

  /** Verified content enters the stream. `end`: the stream ends behind it. */
  insertContent(stream: StreamState, offset: number, data: Uint8Array, end = false): void {
    const primary = this.defaultPath;
    try {
      const conflict = stream.receive?.insertVerified(offset, data, end)?.conflict;
      if (conflict !== undefined) this.#receiver.refuteWriter(stream.id, conflict);
      this.#events.push({ kind: 'readable', streamId: stream.id });
    } catch (error) {
      // It does not fit: the primary contradicts itself.
      if (primary !== undefined) this.#blame(primary, error);
      else this.#events.push({ kind: 'failed', streamId: stream.id, error: KwikError.from(error) });
    }
  }

  resetStream(stream: StreamState, code: number): void {
    const send = stream.send;
    if (send === undefined || send.state === 'closed' || stream.resetSent) return;
    send.reset(code);
    stream.supply?.clear();
    stream.resetSent = true;
    this.#events.push({ kind: 'writable', streamId: stream.id });
    if (this.#options.role !== 'secondary') {
      // A contribution is not the stream: only its owner resets it.
      const frame = resetStreamFrame({ streamId: stream.id, code, finalSize: BigInt(send.finalSize) });
      this.#queue(this.defaultPath, `reset ${stream.id}`, frame);
    }
    this.retireIfDone(stream);
  }

  stopSending(stream: StreamState, code: number): void {
    const receive = stream.receive;
    if (receive === undefined || receive.done) return;
    this.#receiver.creditBack(receive.stop(code));
    for (const path of this.#writersOf(stream)) {
      this.#queue(path, `stop ${stream.id}`, stopSendingFrame({ streamId: stream.id, code }));
    }
    this.retireIfDone(stream);
  }

  /** Forgets a stream of a secondary's contribution or content when it is over. */
  detach(stream: StreamState): void {
    stream.supply?.clear();
    stream.supply = undefined;
    this.streams.remove(stream.id);
    this.#events.push({ kind: 'gone', streamId: stream.id });
  }

  /** The server that had the stream's other end is gone: nothing of it is sent or awaited, and what came can be read. */
  abandon(stream: StreamState): void {
    stream.send?.reset(0);
    if (this.streams.get(stream.id) === stream) this.#forget(stream.id);
  }

  /** The paths whose peers write into the stream; undefined stands for the peer that is not connected now. */
  #writersOf(stream: StreamState): Set<DataPath | undefined> {
    const paths = new Set<DataPath | undefined>([this.defaultPath]);
    for (const id of stream.receive?.writers ?? []) {
      const path = this.#paths.get(id as PathId);
      if (path?.toPeer === false) paths.add(path);
    }
    return paths;
  }

  /** Queues a frame that the peer must get, on this path or on one that takes its place. */
  #queue(path: DataPath | undefined, key: string, frame: proto.Frame): void {
    this.#tell(path, [{ key, frame, outlivesPath: true }]);
  }

  #tell(path: DataPath | undefined, frames: readonly ControlFrame[]): void {
    if (path === undefined) {
      this.#unsent.keep(frames);
      return;
    }
    this.#guard(path.id, () => {
      for (const { key, frame } of frames) path.queueFrame(key, frame, true);
    });
  }

  #announceWindow(stream: StreamState): void {
    const maxOffset = BigInt(stream.receive!.maxOffset);
    const frame = windowUpdateFrame({ streamId: stream.id, maxOffset });
    for (const writer of this.#writersOf(stream)) this.#queue(writer, `window ${stream.id}`, frame);
  }

  /** Removes a stream of which both halves are done, and gives the peer credit for a new one. */
  retireIfDone(stream: StreamState): void {
    if (this.#options.role === 'secondary' || !isDone(stream)) return;
    if (this.streams.get(stream.id) === stream) this.#forget(stream.id);
  }

  #forget(id: StreamId): void {
    this.#events.push({ kind: 'gone', streamId: id });
    const credit = this.streams.remove(id);
    if (credit === undefined) return;
    this.#queue(this.defaultPath, `streams ${credit.unidirectional}`, maxStreamsFrame(credit));
  }

  /** A peer's mistake ends its path, and nothing else; it is told once. */
  #guard(pathId: PathId, action: () => void): void {
    try {
      action();
    } catch (error) {
      const path = this.#paths.get(pathId);
      if (path !== undefined) this.#blame(path, error);
    }
  }

  #blame(path: DataPath, error: unknown): void {
    if (path.violated) return;
    path.violated = true;
    this.#events.push({ kind: 'violation', pathId: path.id, error: KwikError.from(error) });
  }
}
