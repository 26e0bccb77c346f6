import { describe, expect, test } from '@jest/globals';
import { ProcessorAccount } from './processor-account.js';
import { SAMPLE_EVERY } from './processor-cost.js';
import { ProcessorShares } from './processor-shares.js';

const PACKET = new Uint8Array(1200);

/** An account beside one of another that wants the processor, too; each reading of a packet takes a millisecond. */
function contended() {
  let nowMs = 0;
  let dropped = 0;
  const shares = new ProcessorShares();
  const host = { shares, now: () => nowMs, dropped: () => (dropped += 1) };
  const [account, other] = [new ProcessorAccount(host, nowMs), new ProcessorAccount(host, nowMs)];
  other.charge(20, nowMs);
  const read = (charged: boolean): void => {
    for (let count = 0; count < SAMPLE_EVERY; count += 1) {
      const startMs = account.startSample();
      nowMs += 1;
      other.charge(0.3, nowMs);
      if (startMs !== undefined) account.endSample(PACKET.length, startMs, charged);
    }
  };
  return { account, read, at: () => nowMs, dropped: () => dropped };
}

describe('what a connection uses of the processor', () => {
  test('packets that are read by themselves are charged', () => {
    const { account, read, at } = contended();
    for (let round = 0; round < 4; round += 1) read(true);
    expect(account.overShare(at())).toBe(true);
  });

  test('packets that a turn takes are charged once, with the turn', () => {
    const { account, read, at } = contended();
    for (let round = 0; round < 4; round += 1) read(false);
    expect(account.overShare(at())).toBe(false);
    account.charge(32, at());
    expect(account.overShare(at())).toBe(true);
  });

  test('packets of who is over its share wait, until there is no room', () => {
    const { account, at, dropped } = contended();
    account.charge(32, at());
    let held = 0;
    while (dropped() === 0 && account.hold(PACKET, undefined, at())) held += 1;
    expect(dropped()).toBe(1);
    expect(held * PACKET.length).toBeLessThan(1024 * 1024);
    expect(account.hasHeld).toBe(true);
    expect(account.takeHeld()?.packet).toEqual(PACKET);
    account.clear();
    expect(account.hasHeld).toBe(false);
  });
});
