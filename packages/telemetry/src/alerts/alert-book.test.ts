import { describe, expect, it } from '@jest/globals';
import type { Finding } from './alert.js';
import { AlertBook } from './alert-book.js';

const finding = (id: string, severity: Finding['severity'] = 'warning'): Finding => ({
  id,
  severity,
  title: `server ${id}`,
  normal: '20 ms',
  now: '60 ms',
  cause: 'a queue',
  action: 'look',
});

describe('AlertBook', () => {
  it('tells once that something is wrong, once that it is worse, and once that it is over', () => {
    const book = new AlertBook();
    const changes = [];
    for (let second = 0; second < 20; second++) changes.push(...book.round([finding('a')], second * 1000));
    changes.push(...book.round([finding('a', 'critical')], 20_000));
    for (let second = 21; second < 40; second++) changes.push(...book.round([], second * 1000));
    expect(changes.map(({ change, alert }) => [change, alert.severity, alert.since])).toEqual([
      ['raised', 'warning', 0],
      ['worsened', 'critical', 0],
      ['resolved', 'critical', 0],
    ]);
    expect(book.views()).toEqual([]);
  });

  it('is not raised anew by what comes and goes', () => {
    const book = new AlertBook();
    const changes = [];
    for (let second = 0; second < 60; second++) {
      changes.push(...book.round(second % 10 === 0 ? [finding('a')] : [], second * 1000));
    }
    expect(changes.map(({ change }) => change)).toEqual(['raised']);
  });

  it('keeps what is silenced in the list, and tells nobody', () => {
    const book = new AlertBook();
    book.silence('a', 50_000);
    expect(book.round([finding('a'), finding('b')], 0).map(({ alert }) => alert.id)).toEqual(['b']);
    expect(book.views().map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('has the worst first, and is bounded', () => {
    const book = new AlertBook();
    book.round([finding('a'), finding('b', 'critical')], 0);
    expect(book.views()[0]!.id).toBe('b');
    book.round(
      Array.from({ length: 1000 }, (_, index) => finding(String(index))),
      0,
    );
    for (let index = 0; index < 1000; index++) book.silence(String(index), 1);
    expect(book.views()).toHaveLength(64);
  });
});
