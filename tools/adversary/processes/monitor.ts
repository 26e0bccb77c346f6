/** Loaded before a program that is under attack: tells its parent four times a second how it is. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const EVERY_MS = 250;
const RESOLUTION_MS = 2;

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
const timer = setInterval(() => {
  const vitals = { residentBytes: process.memoryUsage().rss, lagMs: delay.max / 1e6 };
  delay.reset();
  if (process.connected) process.send?.({ vitals });
}, EVERY_MS);
timer.unref();
// The channel alone keeps nobody alive.
process.channel?.unref();
