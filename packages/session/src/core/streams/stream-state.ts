import { KwikError, type SendIntent, type StreamId } from '@kwik/wire';
import type { RangeSupplies } from '../content/range-supplies.js';
import type { ReceiveHalf } from './receive-half.js';
import type { SendHalf } from './send-half.js';
import type { CheckedIntent } from './stream-intent.js';
import type { StreamLane } from './stream-lane.js';
import type { WriteAuthority } from './write-authority.js';

/** RFC 9218: 3 is the default urgency. */
export const DEFAULT_PRIORITY = 3;
export const PRIORITY_LEVELS = 8;

/** A logical stream: the halves that this end has, and what it needs to be scheduled. */
export interface StreamState {
  readonly id: StreamId;
  /** Which of the streams that this end opened it is, counted from 1 over both kinds; undefined: the peer opened it. */
  readonly opening: bigint | undefined;
  priority: number;
  /** How it is carried from here. */
  intent: SendIntent;
  /** With what it was opened here, which the peer is told; undefined: with nothing particular. */
  readonly openedWith: CheckedIntent | undefined;
  /** This end chose how it is carried: what the opener says does not count any more. */
  ownIntent: boolean;
  /** Absent where the peer only reads. */
  readonly receive: ReceiveHalf | undefined;
  /** Absent where the peer only writes. */
  readonly send: SendHalf | undefined;
  /** Granted ranges of content that this end supplies into the stream. */
  supply: RangeSupplies | undefined;
  /** At the client: who else than the primary writes into it; absent while nobody does. */
  authority: WriteAuthority | undefined;
  /** In whose queue it is while it has something to send. */
  lane: StreamLane | undefined;
  /** The peer was told of the reset. */
  resetSent: boolean;
  /** The application has it: this end opened it, or has accepted it. Until then it counts against the peer's credit. */
  accepted: boolean;
  /** Its other end is another server's: a secondary writes into it, or content goes on in it that a primary before this one announced. */
  readonly attached: boolean;
}

/** Whether the stream has something that a path could carry now. */
export function hasSomethingToSend(stream: StreamState): boolean {
  return (stream.send?.sendable ?? false) || (stream.supply?.hasData ?? false);
}

/** Both halves are over, and the application knows of it. */
export function isDone({ send, receive, accepted }: StreamState): boolean {
  if (!accepted) return false;
  const sendState = send?.state;
  const sendDone = sendState === undefined || sendState === 'closed' || sendState === 'reset';
  return sendDone && (receive === undefined || receive.done);
}

export function isPriority(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < PRIORITY_LEVELS;
}

/** Throws ERR_KWIK_INVALID_ARGUMENT. */
export function checkPriority(priority: number): void {
  if (isPriority(priority)) return;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `priority ${priority} is not a whole number from 0 to 7`);
}
