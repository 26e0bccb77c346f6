import { describe, expect, test } from '@jest/globals';
import { Backlog } from './backlog.js';

describe('Backlog', () => {
  test('gives back in order, whatever is added meanwhile', () => {
    const backlog = new Backlog<number>();
    const taken: number[] = [];
    let next = 0;
    for (let round = 0; round < 200; round += 1) {
      for (let i = 0; i < round % 7; i += 1) backlog.add(next++);
      for (let i = 0; i < round % 5; i += 1) {
        const item = backlog.take();
        if (item !== undefined) taken.push(item);
      }
      expect(backlog.size).toBe(next - taken.length);
    }
    while (backlog.size > 0) taken.push(backlog.take()!);
    expect(backlog.take()).toBeUndefined();
    expect(taken).toEqual(Array.from({ length: next }, (_, index) => index));
  });
});
