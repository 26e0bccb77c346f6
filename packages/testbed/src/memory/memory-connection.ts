import {
  KwikError,
  type Clock,
  type PathTransport,
  type PathTransportHandler,
  type TimerHandle,
  type TransportAddress,
  type TransportCloseInfo,
  type TransportStats,
  type TransportStream,
} from '@kwik/wire';

import type { DirectionSettings } from '../link/direction-settings.js';
import { channelBinding } from './channel-binding.js';
import { IdleTimeout } from './idle-timeout.js';
import type { MemoryLink } from './memory-link.js';
import { MemoryPacketSender } from './memory-packet-sender.js';
import type { MemoryPacket, PeerParameters } from './packet.js';
import { pathCapacity, type PathCapacity } from './path-capacity.js';
import { StreamLayer } from './stream-layer.js';

export interface ConnectionSettings {
  readonly side: 'client' | 'server';
  readonly id: number;
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  readonly link: MemoryLink;
  readonly parameters: PeerParameters;
  readonly datagramBytes: number;
}

/** What a connection needs of its network. */
export interface ConnectionHost {
  readonly clock: Clock;
  /** Puts a packet onto the link. */
  transmit(connection: MemoryConnection, packet: MemoryPacket, bytes: number): void;
  /** The handshake is complete. */
  connected(connection: MemoryConnection): void;
  /** Over, and how; undefined when its process was killed. Packets may still come for a while. */
  ended(connection: MemoryConnection, info: TransportCloseInfo | undefined): void;
}

/** `flushing`: `close` was called, and what was written before still leaves. `gone`: its process was killed. */
type Phase = 'handshake' | 'open' | 'flushing' | 'ended' | 'gone';

interface KnownCapacity {
  readonly up: DirectionSettings;
  readonly down: DirectionSettings;
  readonly connections: number;
  readonly capacity: PathCapacity;
}

/** How long `close` waits for the window to let out what was written; the same as in @kwik/quic. */
const CLOSE_FLUSH_MS = 1_000;

/** One side of a connection of a `MemoryNetwork`: what QUIC does for streams, without bytes on any wire. */
export class MemoryConnection implements PathTransport {
  readonly side: 'client' | 'server';
  readonly id: number;
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  peerCertificates: readonly Uint8Array[] = [];
  channelBinding = new Uint8Array(0);
  readonly #settings: ConnectionSettings;
  readonly #host: ConnectionHost;
  readonly #clock: Clock;
  readonly #streams: StreamLayer;
  readonly #sender: MemoryPacketSender;
  readonly #idle: IdleTimeout;
  #phase: Phase = 'handshake';
  #handler: PathTransportHandler | undefined;
  #turn: TimerHandle | undefined;
  #inTurn = false;
  #timer: TimerHandle | undefined;
  #timerMs = Infinity;
  readonly #offRelease: () => void;
  #connectedOwed = false;
  #owesSendable = true;
  #lastReceivedMs: number;
  #receivedBytes = 0;
  #receivedPackets = 0;
  #packetsAfterEnd = 0;
  #lastCapacity: KnownCapacity | undefined;
  #closeRequest: { readonly code: number; readonly reason: string; readonly dueMs: number } | undefined;
  #end: TransportCloseInfo | undefined;

  constructor(settings: ConnectionSettings, host: ConnectionHost) {
    this.#settings = settings;
    this.#host = host;
    this.#clock = host.clock;
    this.side = settings.side;
    this.id = settings.id;
    this.local = settings.local;
    this.remote = settings.remote;
    this.#lastReceivedMs = host.clock.now();
    this.#idle = new IdleTimeout(settings.parameters.idleTimeoutMs, host.clock.now());
    this.#sender = new MemoryPacketSender(
      {
        datagramBytes: settings.datagramBytes,
        capacity: () => this.#capacity(),
        wanted: (frame) => this.#streams.wanted(frame),
        acknowledged: (frame) => this.#streams.onFrameAcknowledged(frame),
        transmit: (packet, bytes) => host.transmit(this, packet, bytes),
      },
      host.clock.now(),
    );
    this.#streams = new StreamLayer(settings.side, settings.parameters, {
      sender: this.#sender,
      isOpen: () => this.#phase === 'open',
      wake: () => this.#wake(),
      holds: (streamId) => settings.link.holds(streamId, settings.side),
      // Notes it when there is no room left.
      written: () => void this.sendableBytes(),
      fail: (error) => this.fail(error),
    });
    settings.link.share(1);
    this.#offRelease = settings.link.onRelease(() => this.#wake());
  }

  get link(): MemoryLink {
    return this.#settings.link;
  }

  get closed(): boolean {
    return this.#phase === 'flushing' || this.#isOver;
  }

  attach(handler: PathTransportHandler): void {
    if (this.#handler !== undefined) {
      throw new KwikError('ERR_KWIK_INVALID_STATE', 'the transport has a handler already');
    }
    this.#handler = handler;
    this.#wake();
  }

  openStream(options: { unidirectional: boolean }): TransportStream | undefined {
    return this.#phase === 'open' ? this.#streams.open(options.unidirectional) : undefined;
  }

  sendableBytes(): number {
    const open = this.#phase === 'open';
    const bytes = open ? this.#sender.sendable(this.#streams.unsentBytes, this.#clock.now()) : 0;
    // Whoever saw that there is no room is told when there is.
    if (bytes < this.#settings.datagramBytes) this.#owesSendable = true;
    return bytes;
  }

  lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  stats(): TransportStats {
    const { recovery, sentPackets, sentBytes } = this.#sender;
    return {
      rttMs: recovery.rttMs,
      minRttMs: recovery.minRttMs,
      rttVarMs: recovery.rttVarMs,
      cwndBytes: this.#capacity().windowBytes,
      bytesInFlight: recovery.bytesInFlight,
      unsentBytes: this.#streams.unsentBytes,
      deliveryRateBytesPerSecond: recovery.deliveryRateBytesPerSecond,
      sentPackets,
      receivedPackets: this.#receivedPackets,
      lostPackets: recovery.lostPackets,
      sentBytes,
      receivedBytes: this.#receivedBytes,
      datagramBytes: this.#settings.datagramBytes,
    };
  }

  close(code: number, reason: string): void {
    if (!Number.isSafeInteger(code) || code < 0) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `error code ${code} is not a whole number from 0 to 2^53-1`);
    }
    if (this.closed) return;
    this.#closeRequest = { code, reason, dueMs: this.#clock.now() + CLOSE_FLUSH_MS };
    this.#phase = 'flushing';
    this.#wake();
  }

  // --- Called by the network ---

  /** The client's first word. */
  start(): void {
    this.#sender.control({ kind: 'hello', parameters: this.#settings.parameters });
    this.#wake();
  }

  /** A packet of the peer, from a timer. */
  receive(packet: MemoryPacket, bytes: number): void {
    if (this.#phase === 'ended') this.#answerAfterEnd();
    if (this.#isOver) return;
    const now = this.#clock.now();
    this.#lastReceivedMs = now;
    this.#idle.onReceived(now);
    this.#receivedBytes += bytes;
    this.#receivedPackets++;
    if (this.#sender.onPacket(packet, now)) this.#onFrames(packet);
    if (packet.close !== undefined) this.#end ??= { by: 'peer', ...packet.close };
    this.#runTurn(now);
  }

  /** The process that held this side is no more: it says nothing and hears nothing, its handler neither. */
  kill(): void {
    if (this.#phase !== 'gone') this.#leave('gone', undefined);
  }

  /** The connection cannot be kept up, and the peer is not told. */
  fail(error: KwikError): void {
    this.#end ??= { by: 'error', code: 0, reason: error.message, error };
    this.#wake();
  }

  // --- Turns: handlers are called from nowhere else ---

  get #isOver(): boolean {
    return this.#phase === 'ended' || this.#phase === 'gone';
  }

  #wake(): void {
    if (this.#inTurn || this.#turn !== undefined || this.#isOver) return;
    this.#turn = this.#clock.schedule(0, () => this.#runTurn(this.#clock.now()));
  }

  #runTurn(now: number): void {
    this.#turn?.cancel();
    this.#turn = undefined;
    if (this.#isOver) return;
    this.#inTurn = true;
    try {
      if (this.#connectedOwed) this.#host.connected(this);
      this.#connectedOwed = false;
      if (this.#handler !== undefined) this.#streams.deliver(this.#handler);
      this.#send(now);
      this.#tellSenders();
      // What handlers wrote meanwhile.
      this.#send(now);
      this.#observeEnd(now);
    } finally {
      this.#inTurn = false;
    }
    this.#armTimer();
  }

  #send(now: number): void {
    if (!this.#isOver && this.#sender.sendAll(now)) this.#idle.onSent(now);
  }

  #tellSenders(): void {
    this.#streams.tellWritable();
    if (this.#phase !== 'open' || this.#handler === undefined || !this.#owesSendable) return;
    if (this.sendableBytes() < this.#settings.datagramBytes) return;
    this.#owesSendable = false;
    this.#handler.onSendable();
  }

  #observeEnd(now: number): void {
    const request = this.#closeRequest;
    const flushed = this.#sender.isDrained && this.#streams.unsentBytes === 0;
    if (this.#end === undefined && request !== undefined && (flushed || now >= request.dueMs)) {
      this.#sender.sendClose(request.code, request.reason);
      this.#end = { by: 'local', code: request.code, reason: request.reason };
    }
    if (this.#end === undefined && now >= this.#idle.dueMs) this.#end = idleEnd();
    // What came before the end waits, as the end does, until somebody is there to hear of it.
    if (this.#end === undefined || this.#isOver) return;
    if (this.#handler === undefined && this.#phase !== 'handshake') return;
    this.#leave('ended', this.#end);
    this.#handler?.onClose(this.#end);
  }

  #leave(phase: 'ended' | 'gone', info: TransportCloseInfo | undefined): void {
    if (!this.#isOver) this.#settings.link.share(-1);
    this.#offRelease();
    this.#phase = phase;
    this.#turn?.cancel();
    this.#timer?.cancel();
    this.#streams.clear();
    this.#host.ended(this, info);
  }

  /** RFC 9000, section 10.2.1: the close frame once more, in case it was lost; ever more rarely. */
  #answerAfterEnd(): void {
    this.#packetsAfterEnd++;
    const isPowerOfTwo = (this.#packetsAfterEnd & (this.#packetsAfterEnd - 1)) === 0;
    if (this.#closeRequest === undefined || !isPowerOfTwo) return;
    this.#sender.sendClose(this.#closeRequest.code, this.#closeRequest.reason);
  }

  #armTimer(): void {
    if (this.#isOver) return;
    const closeMs = this.#end === undefined ? (this.#closeRequest?.dueMs ?? Infinity) : Infinity;
    const idleMs = this.#end === undefined ? this.#idle.dueMs : Infinity;
    const dueMs = Math.min(this.#sender.nextTimerMs, idleMs, closeMs);
    // A timer that fires early looks again; that is cheaper than a new one for every packet.
    if (dueMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = dueMs;
    this.#timer = this.#clock.schedule(dueMs - this.#clock.now(), () => {
      this.#timerMs = Infinity;
      // The sum of now and a difference may fall short of the time meant by a rounding error.
      const now = Math.max(dueMs, this.#clock.now());
      this.#sender.onTimer(now);
      this.#runTurn(now);
    });
  }

  #onFrames(packet: MemoryPacket): void {
    for (const frame of packet.frames) {
      if (frame.kind === 'hello' || frame.kind === 'accept') this.#onParameters(frame.kind, frame.parameters);
      else this.#streams.onFrame(frame);
    }
  }

  #onParameters(kind: 'hello' | 'accept', peer: PeerParameters): void {
    if (this.#phase !== 'handshake') return;
    this.peerCertificates = peer.certificates;
    const { parameters } = this.#settings;
    this.channelBinding =
      this.side === 'client'
        ? channelBinding(peer.certificates, this.remote)
        : channelBinding(parameters.certificates, this.local);
    this.#streams.onPeerParameters(peer);
    this.#idle.agree(peer.idleTimeoutMs);
    this.#phase = 'open';
    this.#connectedOwed = true;
    if (kind === 'hello') this.#sender.control({ kind: 'accept', parameters: this.#settings.parameters });
  }

  /** Asked several times per packet, and the same until the link changes. */
  #capacity(): PathCapacity {
    const { link, datagramBytes } = this.#settings;
    const up = link.model('up').settings;
    const down = link.model('down').settings;
    const known = this.#lastCapacity;
    if (known?.up === up && known.down === down && known.connections === link.connections) return known.capacity;
    const [forward, back] = this.side === 'client' ? [up, down] : [down, up];
    // Both ends of a connection count themselves.
    const sharers = Math.max(1, link.connections / 2);
    const capacity = pathCapacity({ forward, back, sharers, datagramBytes });
    this.#lastCapacity = { up, down, connections: link.connections, capacity };
    return capacity;
  }
}

function idleEnd(): TransportCloseInfo {
  const error = new KwikError('ERR_KWIK_IDLE_TIMEOUT', 'nothing was heard from the peer for the idle timeout');
  return { by: 'idle', code: 0, reason: error.message, error };
}
