import { describe, expect, test } from '@jest/globals';
import { decode, encode } from 'dns-packet';
import { knownAnswers, knows } from './known-answers.js';

const SERVICE = '_kwik._udp.local';
const heard = (name: string, untilMs: number, ttlS = 120) => ({ instance: `${name}.${SERVICE}`, ttlS, untilMs });

describe('who asks', () => {
  test('says what is known for more than half of its time, and for how long', () => {
    const all = [heard('young', 130_000), heard('old', 70_000), heard('over', 5000), heard('brief', 19_000, 10)];
    expect(knownAnswers(SERVICE, all, 10_000)).toEqual([
      { name: SERVICE, type: 'PTR', ttl: 120, data: `young.${SERVICE}` },
      { name: SERVICE, type: 'PTR', ttl: 9, data: `brief.${SERVICE}` },
    ]);
  });

  test('says it of so many as one packet bears, however many are known and however long their names are', () => {
    for (const length of [63, 36, 1]) {
      const many = Array.from({ length: 256 }, (_, n) => heard(String(n).padStart(length, 'x'), 120_000));
      const answers = knownAnswers(SERVICE, many, 0);
      const packet = encode({ type: 'query', questions: [{ name: SERVICE, type: 'PTR' }], answers });
      // 1,500 of Ethernet, less 28 for IPv4 and UDP; and not much room is left.
      expect(packet.length).toBeLessThanOrEqual(1472);
      expect(packet.length).toBeGreaterThan(1300);
    }
  });

  const label = 'x'.repeat(63);
  test.each([
    ['bytes that are no text', '\ufffd'.repeat(63)],
    ['one such byte', 'a\ufffd'],
    ['an empty label', 'a..b'],
    ['an empty label at the end', 'a.'],
    ['an empty label at the start', '.a'],
    ['a label that is too long', 'x'.repeat(64)],
    ['a dot at the end of a line, that goes when it is encoded', `${label}.\nb`],
    ['more than a name holds', `${label}.${label}.${label}.${'x'.repeat(45)}`],
  ])('says nothing of a name with %s: the question would be none', (_, name) => {
    expect(knownAnswers(SERVICE, [heard(name, 120_000)], 0)).toEqual([]);
  });

  test.each([
    ['the longest there is', `${label}.${label}.${label}.${'x'.repeat(44)}`],
    ['text of any language', 'Küche 🎬'],
  ])('says a name as it was heard: %s', (_, name) => {
    const answers = knownAnswers(SERVICE, [heard(name, 120_000)], 0);
    expect(answers).toHaveLength(1);
    expect(decode(encode({ type: 'query', answers })).answers).toMatchObject(answers);
  });
});

describe('who is asked', () => {
  const own = `one.${SERVICE}`;
  const answer = (ttl: number, data = own, name = SERVICE) => ({ name, type: 'PTR' as const, ttl, data });

  test.each([
    ['is known for half of its time', [answer(60)], true],
    ['is known by a name in upper case', [answer(90, own.toUpperCase())], true],
    ['is known for less', [answer(59)], false],
    ['is not named', [answer(120, `two.${SERVICE}`), answer(120, own, '_other._udp.local')], false],
    ['is named by a record of another kind', [{ name: SERVICE, type: 'TXT' as const, ttl: 120, data: own }], false],
    ['is named by nothing', [], false],
  ])('%s', (_, answers, expected) => expect(knows(answers, SERVICE, own, 120)).toBe(expected));
});
