import type { MemoryRangeSet } from './memory-range-set.js';

/** What both sides tell each other when a connection begins. */
export interface PeerParameters {
  readonly certificates: readonly Uint8Array[];
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly maxBidiStreams: number;
  readonly maxUniStreams: number;
  /** 0 for none. */
  readonly idleTimeoutMs: number;
}

/** Bytes of a stream. The same object is sent again after a loss, never split or merged. */
export interface StreamFrame {
  readonly kind: 'stream';
  readonly id: number;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly fin: boolean;
  /** Set by the sender: some packet with it was acknowledged. */
  acknowledged: boolean;
}

/** Frames that must arrive, as in QUIC; small, and so counted as `CONTROL_FRAME_BYTES` each. */
export type ControlFrame =
  | { readonly kind: 'hello'; readonly parameters: PeerParameters }
  | { readonly kind: 'accept'; readonly parameters: PeerParameters }
  | { readonly kind: 'reset'; readonly id: number; readonly code: number; readonly finalSize: number }
  | { readonly kind: 'stop'; readonly id: number; readonly code: number }
  | { readonly kind: 'maxData'; readonly limit: number }
  | { readonly kind: 'maxStreamData'; readonly id: number; readonly limit: number }
  | { readonly kind: 'maxStreams'; readonly unidirectional: boolean; readonly limit: number }
  | { readonly kind: 'ping' };

export type Frame = StreamFrame | ControlFrame;

export interface MemoryPacket {
  readonly number: number;
  /** Acknowledged packet numbers of the other side, as [first, last], newest last. */
  readonly acknowledged: readonly (readonly [number, number])[];
  readonly frames: readonly Frame[];
  /** The connection ends; with it nothing is acknowledged. */
  readonly close?: { readonly code: number; readonly reason: string };
}

/** Short header, connection id, packet number and AEAD tag of a QUIC packet, as they commonly are. */
export const PACKET_HEADER_BYTES = 30;
export const STREAM_FRAME_HEADER_BYTES = 10;
const CONTROL_FRAME_BYTES = 12;
const ACK_BYTES = 8;
const ACK_RANGE_BYTES = 4;
/** RFC 9000, section 14.1: a client's first datagram is this long at least. */
const HELLO_BYTES = 1200;
/** Ranges that one packet acknowledges; the oldest are left out. */
const MAX_ACK_RANGES = 32;

export function frameBytes(frame: Frame): number {
  if (frame.kind === 'stream') return STREAM_FRAME_HEADER_BYTES + frame.data.length;
  return frame.kind === 'hello' || frame.kind === 'accept' ? HELLO_BYTES - PACKET_HEADER_BYTES : CONTROL_FRAME_BYTES;
}

/** Size of the datagram. */
export function packetBytes(packet: MemoryPacket): number {
  let bytes = PACKET_HEADER_BYTES;
  if (packet.acknowledged.length > 0) bytes += ACK_BYTES + ACK_RANGE_BYTES * packet.acknowledged.length;
  for (const frame of packet.frames) bytes += frameBytes(frame);
  if (packet.close !== undefined) bytes += CONTROL_FRAME_BYTES + packet.close.reason.length;
  return bytes;
}

export function ackRanges(received: MemoryRangeSet): readonly (readonly [number, number])[] {
  return received.newest(MAX_ACK_RANGES);
}
