import { beforeEach, describe, expect, it } from '@jest/globals';
import { UserCallbacks } from './user-callbacks.js';

let told: [text: string, detail: string][];
let callbacks: UserCallbacks;
beforeEach(() => {
  told = [];
  callbacks = new UserCallbacks((text, detail) => told.push([text, detail]));
});

const fail = (): never => {
  throw new Error('a mistake of the application');
};

describe('UserCallbacks', () => {
  it('calls with what it is given, and does without a callback that is not there', () => {
    const seen: unknown[] = [];
    callbacks.call('onRefused', (...args: [number, string]) => seen.push(args), 1, 'two');
    callbacks.call('onRefused', undefined);
    expect(seen).toEqual([[1, 'two']]);
    expect(told).toEqual([]);
    expect(callbacks.errors).toEqual({});
  });

  it('tells an error once for each callback, with its stack, and counts the others', () => {
    for (let count = 0; count < 3; count++) callbacks.call('onRefused', fail);
    callbacks.call('onPathChange', fail);
    expect(told.map(([text]) => text.split(' ')[0])).toEqual(['onRefused', 'onPathChange']);
    expect(told[0]![0]).toContain('a mistake of the application');
    expect(told[0]![1]).toContain('user-callbacks.test');
    expect(callbacks.errors).toEqual({ onRefused: 3, onPathChange: 1 });
  });

  it('takes a promise that rejects for an error', async () => {
    callbacks.call('onRefused', () => Promise.reject(new Error('later')));
    await new Promise(setImmediate);
    expect(callbacks.errors).toEqual({ onRefused: 1 });
  });

  it('goes on with another value where one is needed', () => {
    expect(callbacks.ask('random', () => 0.25, 0.5)).toBe(0.25);
    expect(callbacks.ask<number>('random', fail, 0.5)).toBe(0.5);
    expect(callbacks.errors).toEqual({ random: 1 });
  });

  it('tells of an error that only a peer would hear of, and leaves it to who asked', async () => {
    await expect(callbacks.tell('replica', fail)).rejects.toThrow('a mistake');
    await expect(callbacks.tell('replica', () => Promise.reject(new Error('later')))).rejects.toThrow('later');
    expect(await callbacks.tell('replica', () => 'here')).toBe('here');
    expect(callbacks.errors).toEqual({ replica: 2 });
  });

  it.each([
    ['nothing', undefined],
    ['an object without a prototype', Object.create(null) as unknown],
    ['a symbol', Symbol('sign')],
    ['an error that cannot be read', Object.defineProperty(new Error(), 'message', { get: fail })],
  ])('survives it when %s is thrown', (_name, thrown) => {
    callbacks.call('onRefused', () => {
      throw thrown;
    });
    expect(callbacks.errors).toEqual({ onRefused: 1 });
    expect(told).toHaveLength(1);
  });

  it('tells so many names apart, and no more', () => {
    for (let count = 0; count < 1000; count++) callbacks.call(`a listener of type ${count}`, fail);
    expect(Object.keys(callbacks.errors).length).toBeLessThanOrEqual(65);
    expect(Object.values(callbacks.errors).reduce((sum, each) => sum + each, 0)).toBe(1000);
    expect(told.length).toBeLessThanOrEqual(65);
  });
});
