import { expect, test } from '@jest/globals';
import { encode } from 'dns-packet';
import { isPlausible, readMessage } from './dns-message.js';

const question = encode({ type: 'query', questions: [{ name: '.', type: 'PTR' }] });
const answer = encode({ type: 'response', answers: [{ name: '.', type: 'TXT', ttl: 1, data: [] }] });

/** The message, with another count at one of the places of the header where counts stand. */
function promising(message: Buffer, at: number, count: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(count, at);
  return copy;
}

test('a message with the shortest question or record there is can be read', () => {
  expect([question.length, isPlausible(question), readMessage(question)?.questions]).toEqual([
    17,
    true,
    [{ name: '.', type: 'PTR', class: 'IN' }],
  ]);
  expect([isPlausible(answer), readMessage(answer)?.answers]).toMatchObject([true, [{ name: '.', type: 'TXT' }]]);
});

test.each([4, 6, 8, 10])('one that promises more than it has room for is not read (count at byte %d)', (at) => {
  for (const count of [1 + (at === 4 ? 1 : 0), 65_535]) {
    const message = promising(question, at, count);
    expect([isPlausible(message), readMessage(message)]).toEqual([false, undefined]);
  }
});

test('nor is what has no header, or breaks off', () => {
  expect(readMessage(Buffer.alloc(11))).toBeUndefined();
  expect(readMessage(answer.subarray(0, -2))).toBeUndefined();
});
