import { KwikError, proto, STREAM_MODES, toPathId, type SendIntent, type StreamMode } from '@kwik/wire';
import { isPriority } from './stream-state.js';

/** How a stream wants to be carried. A member that is left out is as for most streams. */
export interface StreamIntent {
  /**
   * `bulk`, the default: as much as all paths carry. `fast`: for little that is waited for; goes before all bulk, over the
   * path with the least delay. `reliable`: for what must not pause; is copied to a second path, as far as a budget goes (a
   * MiB each second and a quarter of all that is sent), so that a path that dies is not noticed.
   */
  readonly mode?: StreamMode;
  /** Paths that take longer than so many milliseconds are passed over while others do not. Default: none are. */
  readonly deadlineMs?: number;
  /** 0 (most urgent) to 7, among streams of the same mode. Default: the `priority` of the stream. */
  readonly priority?: number;
  /** Number of the path to which the stream keeps while it is well. Default: none. */
  readonly affinity?: number;
}

/** An intent that was checked. */
export interface CheckedIntent {
  readonly send: SendIntent;
  /** Undefined: it says nothing of it. */
  readonly priority: number | undefined;
}

/** Of most streams. */
export const BULK: SendIntent = Object.freeze({ mode: 'bulk' });

const MEMBERS = ['mode', 'deadlineMs', 'priority', 'affinity'] as const satisfies readonly (keyof StreamIntent)[];
/** A day and more: nobody waits for longer. */
const MAX_DEADLINE_MS = 2 ** 31 - 1;

/** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
export function checkIntent(given: StreamIntent): CheckedIntent {
  const stranger = Object.keys(asObject(given)).find((name) => !(MEMBERS as readonly string[]).includes(name));
  if (stranger !== undefined) throw invalid(`has no member ${stranger}; there are ${MEMBERS.join(', ')}`);
  const { mode = 'bulk', deadlineMs, priority, affinity } = given;
  if (!STREAM_MODES.includes(mode)) throw invalid(`has a mode that is none of ${STREAM_MODES.join(', ')}`);
  if (deadlineMs !== undefined && !isWithin(deadlineMs, 1, MAX_DEADLINE_MS)) {
    throw invalid(`has a deadlineMs that is no whole number from 1 to ${MAX_DEADLINE_MS}`);
  }
  if (priority !== undefined && !isPriority(priority))
    throw invalid('has a priority that is no whole number from 0 to 7');
  if (affinity !== undefined && !isWithin(affinity, 0, 2 ** 32 - 1)) {
    throw invalid('has an affinity that is no number of a path');
  }
  return { send: sendIntent(mode, deadlineMs, affinity), priority };
}

/** What the peer asks for. Its numbers were checked when the message was decoded; a mode of a newer version is bulk. */
export function intentFromProto({ mode, deadlineMs, priority, affinityPathId }: proto.StreamIntent): CheckedIntent {
  const known = MODES.find(([, number]) => number === mode)?.[0] ?? 'bulk';
  return { send: sendIntent(known, deadlineMs > 0 ? deadlineMs : undefined, affinityPathId), priority };
}

export function intentToProto({ send, priority }: CheckedIntent): proto.StreamIntent {
  const mode = MODES.find(([name]) => name === send.mode)![1];
  return { mode, deadlineMs: send.deadlineMs ?? 0, priority, affinityPathId: send.affinity };
}

/** Streams of the same lane may share packets. */
export function laneKey({ mode, deadlineMs, affinity }: SendIntent): string {
  return `${mode} ${deadlineMs ?? ''} ${affinity ?? ''}`;
}

const MODES: readonly (readonly [StreamMode, proto.StreamMode])[] = [
  ['bulk', proto.StreamMode.BULK],
  ['fast', proto.StreamMode.FAST],
  ['reliable', proto.StreamMode.RELIABLE],
];

/** The same object for all streams that want nothing particular. */
function sendIntent(mode: StreamMode, deadlineMs: number | undefined, affinity: number | undefined): SendIntent {
  if (mode === 'bulk' && deadlineMs === undefined && affinity === undefined) return BULK;
  return {
    mode,
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(affinity !== undefined && { affinity: toPathId(affinity) }),
  };
}

function asObject(given: unknown): object {
  if (typeof given === 'object' && given !== null) return given;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `the intent of a stream is an object of ${MEMBERS.join(', ')}`);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function invalid(what: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `the intent of a stream ${what}`);
}
