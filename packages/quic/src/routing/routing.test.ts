import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { CONNECTION_ID_BYTES } from '../packets/connection-id.js';
import { Demultiplexer, initialKey } from './demultiplexer.js';
import { AdmissionControl, DEFAULT_LIMITS } from './limits.js';
import { hasFixedBit, isLongHeader, ofOneId, parseLongHeader, splitPackets } from '../packets/packet-header.js';
import { RetryTokens } from './retry-token.js';
import { RESET_TOKEN_BYTES, StatelessReset } from './stateless-reset.js';
import { TokenBucket, TokenBuckets } from './token-bucket.js';

const INITIAL = 0xc0;
const HANDSHAKE = 0xe0;

/** A long-header packet of version 1 with `payload` bytes behind its Length field. */
function longPacket(first: number, dcid: Uint8Array, scid: Uint8Array, token: Uint8Array, payload: number): Buffer {
  const isInitial = (first & 0x30) === 0;
  return Buffer.concat([
    Buffer.from([first, 0, 0, 0, 1, dcid.length]),
    dcid,
    Buffer.from([scid.length]),
    scid,
    isInitial
      ? Buffer.concat([Buffer.from([0x40 | (token.length >> 8), token.length & 0xff]), token])
      : Buffer.alloc(0),
    Buffer.from([0x40 | (payload >> 8), payload & 0xff]),
    Buffer.alloc(payload, 0x5a),
  ]);
}

describe('long headers', () => {
  const dcid = randomBytes(8);
  const scid = randomBytes(16);
  const packet = longPacket(INITIAL, dcid, scid, Buffer.from('token'), 1200);

  test('are read: version, ids, token, length', () => {
    const header = parseLongHeader(packet);
    expect(header).toMatchObject({ version: 1, type: 'initial', packetBytes: packet.length });
    expect(Buffer.from(header?.destinationId ?? []).equals(dcid)).toBe(true);
    expect(Buffer.from(header?.sourceId ?? []).equals(scid)).toBe(true);
    expect(Buffer.from(header?.token ?? []).toString()).toBe('token');
  });

  test('cut short anywhere they are refused, or known to be incomplete; never a crash', () => {
    for (let length = 0; length < packet.length; length += length < 60 ? 1 : 97) {
      const header = parseLongHeader(packet.subarray(0, length));
      if (header !== undefined) expect(header.packetBytes === undefined || header.packetBytes > length).toBe(true);
    }
  });

  test('of unknown versions may have longer ids; those of version 1 may not', () => {
    const long = Buffer.alloc(40, 7);
    expect(parseLongHeader(longPacket(INITIAL, long, long, Buffer.alloc(0), 10))).toBeUndefined();
    const grease = longPacket(INITIAL, long, long, Buffer.alloc(0), 10);
    grease.writeUInt32BE(0x0a0a0a0a, 1);
    expect(parseLongHeader(grease)?.version).toBe(0x0a0a0a0a);
  });

  test('random bytes never crash the parser', () => {
    for (let i = 0; i < 5_000; i += 1) {
      const junk = randomBytes(i % 90);
      parseLongHeader(junk);
      splitPackets(junk);
    }
  });

  test('packets that share a datagram come apart; padding is dropped; a bound holds', () => {
    const handshake = longPacket(HANDSHAKE, dcid, scid, Buffer.alloc(0), 50);
    const short = Buffer.concat([Buffer.from([0x41]), randomBytes(40)]);
    const lengths = (...parts: Buffer[]): number[] => splitPackets(Buffer.concat(parts)).map((part) => part.length);
    expect(lengths(packet, handshake, short)).toEqual([packet.length, handshake.length, short.length]);
    expect(lengths(short)).toEqual([short.length]);
    expect(lengths(handshake, Buffer.alloc(300))).toEqual([handshake.length]);
    expect(lengths(...Array.from({ length: 50 }, () => handshake))).toHaveLength(6);
  });

  test('a datagram ends where a packet goes to another connection id than its first one', () => {
    const handshake = longPacket(HANDSHAKE, dcid, scid, Buffer.alloc(0), 50);
    const foreign = longPacket(0xd0, randomBytes(8), scid, Buffer.alloc(0), 80);
    const longer = longPacket(0xd0, Buffer.concat([dcid, randomBytes(8)]), scid, Buffer.alloc(0), 80);
    const short = Buffer.concat([Buffer.from([0x41]), randomBytes(40)]);
    const left = (...parts: Buffer[]): number => ofOneId(Buffer.concat(parts), dcid).length;
    expect(left(packet, foreign)).toBe(packet.length);
    expect(left(packet, longer)).toBe(packet.length);
    expect(left(packet, handshake, foreign, short)).toBe(packet.length + handshake.length);
    // One that says no length goes to the end.
    expect(left(packet, foreign.subarray(0, 40))).toBe(packet.length);
    expect(left(packet, Buffer.from([0xc0, 0, 0]))).toBe(packet.length);
    for (const whole of [Buffer.concat([packet, handshake, short]), Buffer.concat([packet, Buffer.alloc(300)])]) {
      expect(ofOneId(whole, dcid)).toBe(whole);
    }
    expect(left(...Array.from({ length: 50 }, () => handshake))).toBe(6 * handshake.length);
  });

  test('forms', () => {
    expect([0xc0, 0x80, 0x40, 0x00].map((first) => isLongHeader(Uint8Array.of(first)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([0xc0, 0x80, 0x40, 0x00].map((first) => hasFixedBit(Uint8Array.of(first)))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(isLongHeader(new Uint8Array(0))).toBe(false);
  });
});

describe('Demultiplexer', () => {
  test('finds each of thousands of connections and nothing else', () => {
    const table = new Demultiplexer<number>(randomBytes);
    const ids = Array.from({ length: 5_000 }, (_, i) => {
      const id = table.newId();
      expect(table.add(id, i)).toBe(true);
      return id;
    });
    for (const [i, id] of ids.entries()) expect(table.find(Buffer.concat([Buffer.from([0x40]), id]), 1)).toBe(i);
    for (const id of ids.slice(0, 200)) {
      const other = Uint8Array.from(id);
      const at = (id[5] ?? 0) % CONNECTION_ID_BYTES;
      other[at] = (other[at] ?? 0) ^ (at === 0 ? 0x80 : 1);
      expect(table.find(other, 0)).toBeUndefined();
      expect(table.find(id.subarray(0, CONNECTION_ID_BYTES - 1), 0)).toBeUndefined();
    }
    for (const id of ids) table.remove(id);
    expect(table.size).toBe(0);
  });

  test('an id that looks like one in use is not given out, nor taken', () => {
    const fixed = Buffer.alloc(CONNECTION_ID_BYTES, 1);
    let calls = 0;
    const table = new Demultiplexer<string>((length) => (calls++ < 1 ? fixed : randomBytes(length)));
    expect(table.add(fixed, 'first')).toBe(true);
    expect(Buffer.from(table.newId()).equals(fixed)).toBe(false);
    const twin = Uint8Array.from(fixed);
    twin[CONNECTION_ID_BYTES - 1] = 0xff;
    expect(table.add(twin, 'second')).toBe(false);
    table.remove(twin);
    expect(table.find(fixed, 0)).toBe('first');
  });

  test('first packets of two clients with the same id stay apart', () => {
    const id = randomBytes(8);
    expect(initialKey(id, '10.0.0.1', 5)).not.toBe(initialKey(id, '10.0.0.2', 5));
    expect(initialKey(id, '10.0.0.1', 5)).not.toBe(initialKey(id, '10.0.0.1', 6));
  });
});

describe('RetryTokens', () => {
  const key = randomBytes(32);
  const tokens = new RetryTokens(key, 10_000);
  const binding = { address: '192.0.2.1', port: 4433, retryId: randomBytes(16) };
  const originalId = randomBytes(8);

  test('prove what they were issued for, until they expire', () => {
    const token = tokens.issue(binding, originalId, 1_000_000);
    const verdict = tokens.verify(token, binding, 1_009_999);
    expect(verdict.kind === 'valid' && Buffer.from(verdict.originalId).equals(originalId)).toBe(true);
    expect(tokens.verify(token, binding, 1_010_001).kind).toBe('expired');
  });

  test('prove nothing for another address, port, id or key', () => {
    const token = tokens.issue(binding, originalId, 0);
    expect(tokens.verify(token, { ...binding, address: '192.0.2.2' }, 0).kind).toBe('forged');
    expect(tokens.verify(token, { ...binding, port: 4434 }, 0).kind).toBe('forged');
    expect(tokens.verify(token, { ...binding, retryId: randomBytes(16) }, 0).kind).toBe('forged');
    expect(new RetryTokens(randomBytes(32), 10_000).verify(token, binding, 0).kind).toBe('forged');
  });

  test('any bit changed, anything cut or added is noticed', () => {
    const token = tokens.issue(binding, originalId, 0);
    for (let bit = 0; bit < token.length * 8; bit += 1) {
      const changed = Uint8Array.from(token);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(tokens.verify(changed, binding, 0).kind).not.toBe('valid');
    }
    for (let length = 0; length < token.length; length += 1) {
      expect(tokens.verify(token.subarray(0, length), binding, 0).kind).not.toBe('valid');
    }
    expect(tokens.verify(Buffer.concat([token, Buffer.alloc(1)]), binding, 0).kind).not.toBe('valid');
    expect(tokens.verify(randomBytes(200), binding, 0).kind).not.toBe('valid');
  });
});

describe('StatelessReset', () => {
  const reset = new StatelessReset(randomBytes(32), randomBytes);
  const id = randomBytes(16);

  test('a packet ends with the token of the id, looks like a short packet, and is smaller than what it answers', () => {
    for (const trigger of [39, 40, 43, 60, 1350]) {
      const packet = reset.packetFor(id, trigger);
      expect(packet?.length).toBeLessThan(trigger);
      expect((packet?.[0] ?? 0) & 0xc0).toBe(0x40);
      expect(Buffer.from(packet?.subarray(-RESET_TOKEN_BYTES) ?? []).equals(Buffer.from(reset.token(id)))).toBe(true);
    }
    expect(reset.packetFor(id, 38)).toBeUndefined();
  });

  test('tokens differ by id and by key', () => {
    expect(reset.token(id)).not.toEqual(reset.token(randomBytes(16)));
    expect(reset.token(id)).not.toEqual(new StatelessReset(randomBytes(32), randomBytes).token(id));
  });
});

describe('TokenBucket', () => {
  test('lets the burst through, then the rate', () => {
    const bucket = new TokenBucket(100, 20, 0);
    const taken = (now: number, tries: number): number =>
      Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;
    expect(taken(0, 50)).toBe(20);
    expect(taken(50, 50)).toBe(5);
    expect(taken(10_000, 50)).toBe(20);
    expect(taken(9_000, 50)).toBe(0);
  });

  test('one bucket per key, and a bound on their number', () => {
    const buckets = new TokenBuckets(1, 1, 100);
    expect([buckets.take('a', 0), buckets.take('a', 0), buckets.take('b', 0)]).toEqual([true, false, true]);
    for (let i = 0; i < 1000; i += 1) buckets.take(`source ${i}`, 0);
    expect(buckets.size).toBe(100);
  });
});

describe('AdmissionControl', () => {
  const limits = {
    ...DEFAULT_LIMITS,
    maxConnections: 10,
    maxConnectionsPerAddress: 4,
    maxHalfOpen: 6,
    maxHalfOpenPerAddress: 3,
    retryThreshold: 2,
    initialsPerSecondPerAddress: 10,
    initialsBurstPerAddress: 20,
  };

  test('asks for a proof of address always, never, or when many are half-open', () => {
    const control = new AdmissionControl(limits, 0);
    expect(control.decide('a', false, 'always', 0).kind).toBe('retry');
    expect(control.decide('a', true, 'always', 0).kind).toBe('accept');
    expect(control.decide('a', false, 'underLoad', 0).kind).toBe('accept');
    control.opened('a');
    control.opened('b');
    expect(control.decide('a', false, 'underLoad', 0).kind).toBe('retry');
    expect(control.decide('a', false, 'never', 0).kind).toBe('accept');
    control.completed('a');
    expect(control.decide('a', false, 'underLoad', 0).kind).toBe('accept');
  });

  test('bounds half-open and open connections, per address and in all, and recovers', () => {
    const control = new AdmissionControl(limits, 0);
    const kind = (source: string): string => control.decide(source, true, 'never', 0).kind;
    for (let i = 0; i < 3; i += 1) control.opened('a');
    // The source's own oldest gives way.
    expect([kind('a'), control.halfOpenRoom('a'), kind('b')]).toEqual(['accept', 'sourceFull', 'accept']);
    for (let i = 0; i < 3; i += 1) control.opened('b');
    expect([kind('c'), control.halfOpenRoom('c')]).toEqual(['accept', 'full']);
    for (let i = 0; i < 3; i += 1) control.completed('a');
    control.opened('a');
    control.completed('a');
    expect([kind('a'), kind('c')]).toEqual(['refuse', 'accept']);
    for (let i = 0; i < 3; i += 1) control.completed('b');
    for (const source of ['c', 'd', 'e']) {
      control.opened(source);
      control.completed(source);
    }
    expect([control.connections, kind('f')]).toEqual([10, 'refuse']);
    expect(control.dialled()).toBe(false);
    for (let i = 0; i < 4; i += 1) control.released('a');
    expect([control.connections, control.halfOpenConnections, kind('a')]).toEqual([6, 0, 'accept']);
    expect(control.dialled()).toBe(true);
  });

  test('bounds attempts per second of one address, not of others', () => {
    const control = new AdmissionControl(limits, 0);
    const kinds = Array.from({ length: 30 }, () => control.decide('a', true, 'never', 0));
    expect(kinds.filter(({ kind }) => kind === 'accept')).toHaveLength(20);
    expect(kinds.at(-1)).toEqual({ kind: 'drop', reason: 'rate' });
    expect(control.decide('b', true, 'never', 0).kind).toBe('accept');
    expect(control.decide('a', true, 'never', 200).kind).toBe('accept');
  });

  test('a relay is not bounded as one address, and the bounds on all hold for it, too', () => {
    const control = new AdmissionControl(limits, 0);
    const kind = (source: string): string => control.decide(source, true, 'never', 0).kind;
    const [leave, again] = [control.addRelay('relay'), control.addRelay('relay')];
    // More attempts than an address has, and more connections.
    expect(Array.from({ length: 100 }, () => kind('relay')).every((each) => each === 'accept')).toBe(true);
    for (let i = 0; i < 9; i += 1) {
      control.opened('relay');
      control.completed('relay');
    }
    expect(kind('relay')).toBe('accept');
    control.opened('b');
    expect(kind('relay')).toBe('refuse');
    control.completed('b');
    control.released('b');
    for (let i = 0; i < 3; i += 1) control.opened('relay');
    expect(control.halfOpenRoom('relay')).toBe('sourceFull');
    leave();
    leave();
    control.released('relay');
    control.released('relay');
    control.released('relay');
    expect(kind('relay')).toBe('accept');
    again();
    expect(kind('relay')).not.toBe('accept');
  });
});
