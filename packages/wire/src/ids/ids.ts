/**
 * Branded ids. A plain number or bigint cannot stand in for one by mistake; the `to…` functions check and brand.
 */
import { KwikError } from '../errors/kwik-error.js';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** A path within a session. 0 is the path to the primary; a session never uses a number twice. Below 2^32. */
export type PathId = Branded<number, 'PathId'>;
/** A logical stream. QUIC-style (RFC 9000, section 2.1): bit 0 tells the initiator, bit 1 the direction. Below 2^62. */
export type StreamId = Branded<bigint, 'StreamId'>;
/** A packet in the space of one path. Below 2^62. */
export type PacketNumber = Branded<bigint, 'PacketNumber'>;
/** 16 random bytes as 32 lower-case hexadecimal digits. */
export type SessionId = Branded<string, 'SessionId'>;

/** The path to the server that was dialled first. */
export const PRIMARY_PATH_ID = 0 as PathId;
/** RFC 9000, section 16: what a QUIC variable-length integer can hold. */
export const MAX_VARINT = (1n << 62n) - 1n;
const MAX_PATH_ID = 0xffff_ffff;
const SESSION_ID = /^[0-9a-f]{32}$/;

export function toPathId(value: number): PathId {
  if (!Number.isInteger(value) || value < 0 || value > MAX_PATH_ID) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `path id ${value} is not a whole number from 0 to ${MAX_PATH_ID}`);
  }
  return value as PathId;
}

export function toStreamId(value: bigint): StreamId {
  if (value < 0n || value > MAX_VARINT) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `stream id ${value} is not from 0 to 2^62-1`);
  }
  return value as StreamId;
}

export function toPacketNumber(value: bigint): PacketNumber {
  if (value < 0n || value > MAX_VARINT) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `packet number ${value} is not from 0 to 2^62-1`);
  }
  return value as PacketNumber;
}

export function toSessionId(value: string): SessionId {
  if (!SESSION_ID.test(value)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a session id is 32 lower-case hexadecimal digits');
  }
  return value as SessionId;
}

export function sessionIdFromBytes(bytes: Uint8Array): SessionId {
  return toSessionId(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}

export function sessionIdToBytes(id: SessionId): Uint8Array {
  return Uint8Array.from({ length: id.length / 2 }, (_, at) => Number.parseInt(id.slice(2 * at, 2 * at + 2), 16));
}

export type StreamInitiator = 'client' | 'server';

export function streamInitiator(id: StreamId): StreamInitiator {
  return (id & 1n) === 0n ? 'client' : 'server';
}

export function isUnidirectional(id: StreamId): boolean {
  return (id & 2n) !== 0n;
}

/** The `index`-th stream (from 0) of its kind. */
export function makeStreamId(index: bigint, initiator: StreamInitiator, unidirectional: boolean): StreamId {
  return toStreamId((index << 2n) | (unidirectional ? 2n : 0n) | (initiator === 'server' ? 1n : 0n));
}
