import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PathFlowControl } from './path-flow-control.js';

describe('PathFlowControl', () => {
  it('lets two ends exchange any amounts, never holds more than the window, and always opens again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.tuple(fc.nat(600), fc.nat(600), fc.boolean())),
        (windowBytes, steps) => {
          const sender = new PathFlowControl({ windowBytes: 1, peerWindowBytes: windowBytes });
          const receiver = new PathFlowControl({ windowBytes, peerWindowBytes: 1 });
          const update = (force: boolean): void => {
            const before = sender.peerMax;
            const max = receiver.takeUpdate(force);
            if (max === undefined) return;
            sender.handleMax(max);
            expect(sender.peerMax).toBeGreaterThanOrEqual(before);
          };
          for (const [wanted, read, force] of steps) {
            const bytes = Math.min(wanted, sender.sendCredit);
            sender.onSent(bytes);
            receiver.onReceived(bytes);
            expect(receiver.heldBytes).toBeLessThanOrEqual(windowBytes);
            receiver.onConsumed(Math.min(read, receiver.heldBytes));
            update(force);
          }
          receiver.onConsumed(receiver.heldBytes);
          update(false);
          expect(sender.sendCredit).toBeGreaterThan(0);
        },
      ),
    );
  });

  it('refuses one byte too many', () => {
    const receiver = new PathFlowControl({ windowBytes: 10, peerWindowBytes: 0 });
    receiver.onReceived(10);
    expect(() => receiver.onReceived(1)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_FLOW_CONTROL' }));
  });

  it('gives no credit for bytes that came on another path', () => {
    const receiver = new PathFlowControl({ windowBytes: 10, peerWindowBytes: 0 });
    receiver.onConsumed(1000);
    expect(receiver.takeUpdate(true)).toBe(10);
    expect(receiver.heldBytes).toBe(0);
  });

  it('goes on where most of what came lies unread, with what is left', () => {
    const sender = new PathFlowControl({ windowBytes: 1, peerWindowBytes: 1000 });
    const receiver = new PathFlowControl({ windowBytes: 1000, peerWindowBytes: 1 });
    sender.onSent(900);
    receiver.onReceived(900);
    // Of these nothing is ever read; what comes besides is, at once.
    let moved = 0;
    for (let step = 0; step < 100; step++) {
      const bytes = Math.min(30, sender.sendCredit);
      sender.onSent(bytes);
      receiver.onReceived(bytes);
      receiver.onConsumed(bytes);
      const max = receiver.takeUpdate();
      if (max !== undefined) sender.handleMax(max);
      moved += bytes;
    }
    expect(moved).toBeGreaterThan(2000);
    expect(receiver.heldBytes).toBe(900);
  });
});
