import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { CounterRegistry } from '@kwik/wire';
import { session } from '../test-support/sources.js';
import { liveRoutes } from './live-routes.js';
import { LiveState } from './live-state.js';
import { Timeline } from './timeline.js';

/** A page whose browser takes nothing when it is stuck. */
class FakePage extends EventEmitter {
  readonly chunks: string[] = [];
  status = 0;
  writableNeedDrain = false;

  writeHead(status: number): this {
    this.status = status;
    return this;
  }

  write(chunk: string): boolean {
    this.chunks.push(chunk);
    return true;
  }

  end(text = ''): void {
    this.chunks.push(text);
  }

  destroy(): void {
    this.emit('close');
  }
}

let timeline: Timeline;
beforeEach(() => {
  jest.useFakeTimers();
  timeline = new Timeline();
});
afterEach(() => {
  timeline[Symbol.dispose]();
  jest.useRealTimers();
});

function opener(counters = new CounterRegistry()) {
  let nowMs = 0;
  const routes = liveRoutes({ state: new LiveState(counters), timeline, alerts: () => [], now: () => (nowMs += 1000) });
  return (): FakePage => {
    const page = new FakePage();
    const request: unknown = { method: 'GET' };
    const response: unknown = page;
    const url = new URL('http://admin.invalid/events');
    void routes['/events']!(request as IncomingMessage, response as ServerResponse, url);
    return page;
  };
}

it('tells a page four times a second, and waits for one that is slow', () => {
  const page = opener()();
  jest.advanceTimersByTime(1000);
  expect(page.chunks).toHaveLength(5);
  page.writableNeedDrain = true;
  jest.advanceTimersByTime(10_000);
  page.writableNeedDrain = false;
  jest.advanceTimersByTime(250);
  expect(page.chunks).toHaveLength(6);
  page.destroy();
  expect(jest.getTimerCount()).toBe(0);
});

it('opens 16 pages, and closes one that takes nothing for a quarter of a minute', () => {
  const open = opener();
  const pages = Array.from({ length: 16 }, open);
  expect(open()).toMatchObject({ status: 503 });
  pages[0]!.writableNeedDrain = true;
  jest.advanceTimersByTime(15_000);
  expect(open()).toMatchObject({ status: 200 });
  expect(open()).toMatchObject({ status: 503 });
  for (const page of pages) page.destroy();
});

it('closes the page, and nothing else, when a source cannot be read', () => {
  const counters = new CounterRegistry();
  const page = opener(counters)();
  const read = (): never => {
    throw new Error('broken');
  };
  counters.add({ ...session(), read });
  expect(() => jest.advanceTimersByTime(1000)).not.toThrow();
  expect(jest.getTimerCount()).toBe(0);
  expect(page.chunks).toHaveLength(1);
});
