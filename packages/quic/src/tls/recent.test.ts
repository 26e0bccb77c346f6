import { describe, expect, test } from '@jest/globals';
import { Recent } from './recent.js';

describe('Recent', () => {
  test('makes each once, keeps no more than it may, and forgets the oldest first', () => {
    const recent = new Recent<number>(2);
    let made = 0;
    const get = (key: string): number => recent.get(key, () => (made += 1));
    expect([get('a'), get('b'), get('a'), get('b')]).toEqual([1, 2, 1, 2]);
    expect([get('c'), recent.size]).toEqual([3, 2]);
    expect([get('b'), get('a')]).toEqual([2, 4]);
  });

  test('keeps nothing of what could not be made', () => {
    const recent = new Recent<number>(2);
    const fail = (): number => {
      throw new Error('no');
    };
    expect(() => recent.get('a', fail)).toThrow('no');
    expect([recent.size, recent.get('a', () => 1)]).toEqual([0, 1]);
  });
});
