import { describe, expect, test } from '@jest/globals';
import {
  CONTENT_GRANT_SHAPE,
  KCP_MESSAGE_SHAPE,
  PATH_TOKEN_SHAPE,
  SESSION_TICKET_SHAPE,
  SIGNED_ENVELOPE_SHAPE,
} from '../control/message-shape.js';
import { KwikError } from '../errors/kwik-error.js';
import { codeOf } from '../test-support/outcomes.js';
import { type ProtoField, readProtoFiles } from '../test-support/proto-files.js';
import { bytesField, fixed32Field, fixed64Field, varintField } from '../test-support/wire-fields.js';
import { FRAME_LIST_SHAPE, PACKET_SHAPE } from './packet-shape.js';
import { checkShape, type FieldShape, type WireShape } from './wire-shape.js';

const { messages, enums } = readProtoFiles();
const fault = (what: string): KwikError => new KwikError('ERR_KWIK_INVALID_MESSAGE', what);
const check = (shape: WireShape, bytes: number[]): void => checkShape(Uint8Array.from(bytes), shape, fault);

describe('shapes', () => {
  test('the .proto files were read', () => {
    expect(messages.size).toBeGreaterThan(50);
    expect(messages.get('RangeCancel')).toEqual([
      { name: 'stream_id', number: 1, type: 'uint64', repeated: false },
      { name: 'request_ids', number: 2, type: 'uint64', repeated: true },
    ]);
    expect(messages.get('StreamOpened')?.[3]?.map).toEqual(['string', 'string']);
    expect(enums.has('PacketType')).toBe(true);
  });

  test.each([
    ['KcpMessage', KCP_MESSAGE_SHAPE],
    ['PathToken', PATH_TOKEN_SHAPE],
    ['ContentGrant', CONTENT_GRANT_SHAPE],
    ['SessionTicket', SESSION_TICKET_SHAPE],
    ['SignedEnvelope', SIGNED_ENVELOPE_SHAPE],
    ['FrameList', FRAME_LIST_SHAPE],
    // The checksum is cut off before the walk, and must not come twice.
    ['Packet', without(PACKET_SHAPE, 15)],
  ])('%s is as its .proto file says', (name, shape) => {
    expect(skeletonOf(shape)).toEqual(expectedShape(name));
  });
});

describe('checkShape', () => {
  const shape: WireShape = { 1: { message: { 1: { text: true }, 2: { packed: true, max: 3 } }, max: 2 } };

  test('takes what is well-formed, known or not', () => {
    const inner = [...bytesField(1, Buffer.from('Grüße')), ...bytesField(2, [1, 2]), ...varintField(2, 1)];
    check(shape, [
      ...bytesField(1, inner),
      ...fixed32Field(7, 1),
      ...fixed64Field(8),
      ...bytesField(1, []),
      ...varintField(9, 1n << 63n),
    ]);
    check(shape, []);
    // A field number that is known in another wire type is an unknown field, as protobuf has it.
    check(shape, varintField(1, 5));
  });

  test.each<[string, number[]]>([
    ['an element too many', [...bytesField(1, []), ...bytesField(1, []), ...bytesField(1, [])]],
    ['a packed element too many', bytesField(1, [...bytesField(2, [1, 2]), ...bytesField(2, [3, 4])])],
    ['a packed element cut off', bytesField(1, bytesField(2, [1, 0x80]))],
    ['text that is not UTF-8', bytesField(1, bytesField(1, [0x80]))],
    ['text that ends within a letter', bytesField(1, bytesField(1, [0xc3]))],
    ['a surrogate in text', bytesField(1, bytesField(1, [0xed, 0xa0, 0x80]))],
    ['a nested message that overruns', [0x0a, 0x02, 0x0a, 0x01, 0x41]],
    ['a fixed32 cut off', [0x3d, 1, 2, 3]],
    ['a fixed64 cut off', [0x39, 1, 2, 3, 4, 5, 6, 7]],
    ['a varint cut off', [0x38, 0x80]],
    ['a length cut off', [0x0a]],
    ['wire type 6', [0x0e]],
    ['wire type 7', [0x0f]],
    ['a field number of 0', [0x02, 0x00]],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => check(shape, bytes))).toBe('ERR_KWIK_INVALID_MESSAGE');
  });
});

/** What a shape should say of a message, derived from its .proto file. */
type Skeleton = Record<number, { message?: Skeleton; packed?: true; text?: true; repeated?: true }>;

function expectedShape(name: string): Skeleton {
  const entries = messages.get(name)!.map((field) => [field.number, expectedField(field)] as const);
  return Object.fromEntries(entries.filter(([, shape]) => Object.keys(shape).length > 0));
}

function expectedField({ type, repeated, map }: ProtoField): Skeleton[number] {
  if (map !== undefined) return { message: { 1: { text: true }, 2: { text: true } }, repeated: true };
  return {
    ...(messages.has(type) && { message: expectedShape(type) }),
    ...(type === 'string' && { text: true }),
    ...(repeated && { repeated: true }),
    ...(repeated && (enums.has(type) || /^u?int(32|64)$/.test(type)) && { packed: true }),
  };
}

function skeletonOf(shape: WireShape): Skeleton {
  return Object.fromEntries(Object.entries(shape).map(([field, one]) => [field, skeletonOfField(one)]));
}

function skeletonOfField({ message, packed, text, max }: FieldShape): Skeleton[number] {
  return {
    ...(message !== undefined && { message: skeletonOf(message) }),
    ...(text === true && { text }),
    ...(max !== undefined && { repeated: true }),
    ...(packed === true && { packed }),
  };
}

function without(shape: WireShape, field: number): WireShape {
  return Object.fromEntries(Object.entries(shape).filter(([number]) => Number(number) !== field));
}
