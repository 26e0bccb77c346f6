import { expect, it } from '@jest/globals';
import { DIAGNOSTIC_NAMES, type SessionOpened } from '../contracts/diagnostics.js';
import { DiagnosticPublisher } from './diagnostic-publisher.js';

const OPENED: SessionOpened = { sessionId: 'one', role: 'client', atMs: 1 };

it('makes an event only when somebody listens, on the channel of its name', () => {
  const channels = new Map<
    string,
    { hasSubscribers: boolean; published: unknown[]; publish(message: unknown): void }
  >();
  const publisher = new DiagnosticPublisher((name) => {
    const published: unknown[] = [];
    const channel = { hasSubscribers: false, published, publish: (message: unknown) => void published.push(message) };
    channels.set(name, channel);
    return channel;
  });
  let made = 0;
  const event = (): SessionOpened => {
    made += 1;
    return OPENED;
  };
  publisher.publish('kwik:session:opened', event);
  expect(made).toBe(0);
  channels.get('kwik:session:opened')!.hasSubscribers = true;
  publisher.publish('kwik:session:opened', event);
  expect([made, channels.get('kwik:session:opened')!.published]).toEqual([1, [OPENED]]);
  expect([...channels.keys()]).toEqual(DIAGNOSTIC_NAMES);
});
