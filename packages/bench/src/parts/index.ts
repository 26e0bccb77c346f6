import type { Part } from '../part.js';
import { aggregate } from './aggregate.js';
import { codec } from './codec.js';
import { discovery } from './discovery.js';
import { driver } from './driver.js';
import { failover } from './failover.js';
import { forwarder } from './forwarder.js';
import { intents } from './intents.js';
import { io } from './io.js';
import { latency } from './latency.js';
import { planner } from './planner.js';
import { relay } from './relay.js';
import { relays } from './relays.js';
import { scale } from './scale.js';
import { session } from './session.js';
import { socket } from './socket.js';
import { start } from './start.js';
import { streams } from './streams.js';
import { telemetry } from './telemetry.js';
import { workers } from './workers.js';

/** All parts, in the order in which they run and are listed. */
export const PARTS: readonly Part[] = [
  driver,
  io,
  session,
  socket,
  telemetry,
  streams,
  start,
  aggregate,
  failover,
  intents,
  forwarder,
  relay,
  relays,
  latency,
  scale,
  workers,
  codec,
  planner,
  discovery,
];
