import { AckTracker } from '../packets/ack-tracker.js';
import { SentPackets } from '../packets/sent-packets.js';
import type { InFlightWindow } from '../window/in-flight-window.js';

export interface BottleneckOptions {
  /** Bytes per millisecond at a given time. */
  readonly rate: (now: number) => number;
  /** Round trip without queue, at a given time. */
  readonly rttMs: (now: number) => number;
  readonly frameBytes?: number;
  /** Bytes that a reluctant application hands over per millisecond; unlimited unless given. */
  readonly appRate?: number;
}

export interface BottleneckReport {
  /** Bytes that arrived from `fromMs` on, per millisecond. */
  rateFrom(fromMs: number): number;
  /** Longest queue, in milliseconds, seen from `fromMs` on. */
  queueFrom(fromMs: number): number;
  readonly windowBytes: readonly { readonly atMs: number; readonly bytes: number }[];
}

/**
 * A sender whose only limit is the window, before a link of a given rate with an endless queue: what a relay's second leg
 * looks like. In steps of a quarter millisecond.
 */
export function runBottleneck(window: InFlightWindow, untilMs: number, options: BottleneckOptions): BottleneckReport {
  const frameBytes = options.frameBytes ?? 8192;
  const sent = new SentPackets<number>();
  const acks = new AckTracker();
  const arrivals: { atMs: number; bytes: number; queueMs: number }[] = [];
  const toReceiver: { atMs: number; pn: ReturnType<typeof sent.nextNumber>; queueMs: number }[] = [];
  const toSender: { atMs: number; ack: NonNullable<ReturnType<typeof acks.poll>> }[] = [];
  const windowBytes: { atMs: number; bytes: number }[] = [];
  let linkFreeMs = 0;
  let appBytes = 0;
  for (let now = 0; now < untilMs; now += 0.25) {
    appBytes += (options.appRate ?? Number.POSITIVE_INFINITY) * 0.25;
    while (window.canSend(frameBytes) && appBytes >= frameBytes && !sent.full) {
      appBytes -= frameBytes;
      const pn = sent.nextNumber();
      sent.record(pn, frameBytes, true, 0, now);
      window.onSent(frameBytes);
      const queueMs = Math.max(0, linkFreeMs - now);
      linkFreeMs = now + queueMs + frameBytes / options.rate(now);
      toReceiver.push({ atMs: linkFreeMs + options.rttMs(now) / 2, pn, queueMs });
    }
    while (toReceiver[0] !== undefined && toReceiver[0].atMs <= now) {
      const { pn, queueMs } = toReceiver.shift() as (typeof toReceiver)[number];
      acks.onPacket(pn, true, now);
      arrivals.push({ atMs: now, bytes: frameBytes, queueMs });
    }
    const ack = acks.poll(now);
    if (ack !== undefined) toSender.push({ atMs: now + options.rttMs(now) / 2, ack });
    while (toSender[0] !== undefined && toSender[0].atMs <= now) {
      const { ack: arrived } = toSender.shift() as (typeof toSender)[number];
      const outcome = sent.onAck(arrived.ranges, arrived.ackDelayUs, now);
      window.onAcked(outcome.ackedBytes, outcome.pathRttMs, now);
      windowBytes.push({ atMs: now, bytes: window.windowBytes });
    }
  }
  return {
    windowBytes,
    rateFrom: (fromMs) => {
      const late = arrivals.filter(({ atMs }) => atMs >= fromMs);
      return late.reduce((sum, { bytes }) => sum + bytes, 0) / (untilMs - fromMs);
    },
    queueFrom: (fromMs) => Math.max(0, ...arrivals.filter(({ atMs }) => atMs >= fromMs).map(({ queueMs }) => queueMs)),
  };
}
