import { encodeVarint } from './varint.js';

/** What the raw client offers the server (RFC 9000, section 18.2). */
export interface Offer {
  readonly maxDataBytes?: number;
  readonly maxStreamDataBytes?: number;
}

const IDLE_TIMEOUT_MS = 60_000;
const MAX_DATA_BYTES = 1 << 30;
const MAX_STREAM_DATA_BYTES = 1 << 28;

export function transportParameters(sourceId: Buffer, offer: Offer): Buffer {
  const maxStreamData = offer.maxStreamDataBytes ?? MAX_STREAM_DATA_BYTES;
  const integers: readonly (readonly [number, number])[] = [
    [0x01, IDLE_TIMEOUT_MS],
    [0x03, 65_527],
    [0x04, offer.maxDataBytes ?? MAX_DATA_BYTES],
    [0x05, maxStreamData],
    [0x06, maxStreamData],
    [0x07, maxStreamData],
    [0x08, 100],
    [0x09, 1000],
    [0x0e, 2],
  ];
  return Buffer.concat([
    ...integers.map(([id, value]) => parameter(id, encodeVarint(value))),
    parameter(0x0f, sourceId),
  ]);
}

const parameter = (id: number, value: Buffer): Buffer =>
  Buffer.concat([encodeVarint(id), encodeVarint(value.length), value]);
