import { isUnidirectional, KwikError, PRIMARY_PATH_ID, proto, streamInitiator, type StreamId } from '@kwik/wire';
import type { Leaving, Takeover } from '../../api/takeover.js';
import type { StreamCounts, StreamNumbers } from '../../core/streams/stream-numbers.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { ControlHandlers, Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { isRecoverable } from '../../runtime/paths/deaths.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';
import { DueTimer } from '../../runtime/waiting/due-timer.js';
import type { ContentClient } from '../content-client.js';
import type { PrimaryPaths } from '../primary-paths.js';
import { parseTarget } from '../target.js';
import { partFrom, type JoinedStandby, type StandbyAttempt } from './join-standby.js';

/** A primary whose path is lost may have lost no more than that, and nobody else knows its streams: it is given so long. */
const PATIENCE_MS = 3000;
/**
 * Where nothing but content is under way nothing is lost by going, and a silence is enough that outlasts a pause of a process or a
 * change of route: a reader is to wait a second at the most.
 */
const HASTE_MS = 200;
/** Between attempts, doubled each time up to the other. */
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 2000;
const ATTEMPT_MS = 3000;
/** However long the primary says that its ticket lives. */
const MAX_LIFE_MS = 3600 * 1000;
/** However often the primary names another standby, the application is told of it no more often than this. */
const MIN_BETWEEN_TOLD_MS = 1000;

const TAKEN_OVER = 'the standby took the session over';

export interface FailoverOptions {
  readonly content: Pick<ContentClient, 'carries' | 'endsStream' | 'takeOver'>;
  readonly primaryPaths: Pick<PrimaryPaths, 'moveTo'>;
  /** That no primary has given a path so far. */
  readonly nextPathId: () => number;
  /** `primary`: the numeric address of who named the standby. Rejects when the session cannot go on there now. */
  join(attempt: StandbyAttempt, primary: string, timeoutMs: number): Promise<JoinedStandby>;
  /** The path to it; everything that leads to the primary before is refused from now on. */
  establish(joined: JoinedStandby): PathRuntime;
  /** The session has its new primary, and streams can be opened there. */
  onTakenOver(takeover: Takeover): void;
  /** The primary wants to stop, and what the application has under way keeps the session there. */
  onLeaving(leaving: Leaving): void;
}

interface NamedStandby {
  readonly message: proto.Standby;
  /** That its certificate has. */
  readonly serverName: string;
  readonly primary: string;
  readonly expiresMs: number;
}

/** What is asked to be so when the answer is there as when it was asked for. */
interface Attempt extends NamedStandby {
  readonly numbers: StreamNumbers;
  /** Which absence of the primary it was made in; undefined: a path led there. */
  readonly absence: number | undefined;
}

/** The session goes on at the standby that its primary has named, when no path leads to the primary any more. */
export class Failover implements Feature {
  readonly #session: SessionContext;
  readonly #options: FailoverOptions;
  readonly #timer: DueTimer;
  #standby: NamedStandby | undefined;
  #trying = false;
  readonly #ended = new AbortController();
  /** How often the primary has gone, and come back. */
  #absences = 0;
  /** How the primary is while the timer runs. */
  #waits: 'silent' | 'gone' | undefined;
  #waitMs = FIRST_WAIT_MS;
  /** A primary that is about to stop is left no sooner than this. */
  #leaveAtMs = 0;
  /** The standby of which the application was told when it kept the session at a primary that is about to stop. */
  #toldOf: string | undefined;
  /** It is told no sooner than this of another one. */
  #tellAtMs = 0;

  readonly handlers: ControlHandlers = { standby: (primary, message) => this.#named(primary, message) };

  constructor(session: SessionContext, options: FailoverOptions) {
    this.#session = session;
    this.#options = options;
    this.#timer = new DueTimer(session.clock, () => void this.#try());
  }

  /** The primary is gone, and the session may yet go on elsewhere. */
  get pending(): boolean {
    return this.#standby !== undefined && this.#session.clock.now() < this.#standby.expiresMs;
  }

  onPathUp(path: PathRuntime): void {
    if (path.primary) this.#absences++;
    this.#look();
  }

  onPathDead(): void {
    this.#look();
  }

  onPathHealth(): void {
    this.#look();
  }

  /** A primary that is about to stop is left when there is nothing that only it can bring to an end. */
  plan(now: number): number | undefined {
    const leaving = this.#standby?.message.leaving === true && this.#primary !== 'gone';
    if (!leaving) return undefined;
    const tellAtMs = this.#tellLeaving(now);
    if (now < this.#leaveAtMs) return Math.min(this.#leaveAtMs, tellAtMs ?? Infinity);
    void this.#try();
    return tellAtMs;
  }

  onEnd(): void {
    this.#timer.set(undefined);
    this.#ended.abort();
  }

  /** Silent: it may be gone, or come back in a moment. */
  get #primary(): 'well' | 'silent' | 'gone' {
    if (this.#session.controlPath === undefined) return 'gone';
    for (const { primary, health } of this.#session.paths.values()) {
      if (primary && health !== 'suspected') return 'well';
    }
    return 'silent';
  }

  #look(): void {
    if (this.#standby === undefined) return;
    // What the primary owes can be had elsewhere: its silence is worth a suspicion also where no other path is left.
    for (const path of this.#session.paths.values()) path.alone = false;
    const primary = this.#primary;
    if (primary === 'well') {
      this.#timer.set(undefined);
      this.#waits = undefined;
      this.#waitMs = FIRST_WAIT_MS;
    } else if (this.#waits !== primary) {
      const inHaste = !this.#loses();
      if (this.#waits !== undefined && inHaste) return;
      this.#waits = primary;
      this.#timer.set(this.#session.clock.now() + (inHaste ? HASTE_MS : PATIENCE_MS));
    }
  }

  #named({ port }: PathRuntime, message: proto.Standby): void {
    const serverName = serverNameOf(message);
    if (message.lifeMs === 0 || serverName === undefined) {
      this.#standby = undefined;
      return;
    }
    const expiresMs = this.#session.clock.now() + Math.min(message.lifeMs, MAX_LIFE_MS);
    this.#standby = { message, serverName, primary: port.transport.remote.address, expiresMs };
    if (!message.leaving) this.#toldOf = undefined;
    this.#look();
    if (message.leaving) this.#session.wake();
  }

  /** Returns when it is to be told, where that is later. */
  #tellLeaving(now: number): number | undefined {
    const { message, serverName, primary: namedBy } = this.#standby!;
    const { address } = message;
    if (this.#toldOf === address || !this.#loses()) return undefined;
    if (now < this.#tellAtMs) return this.#tellAtMs;
    this.#toldOf = address;
    this.#tellAtMs = now + MIN_BETWEEN_TOLD_MS;
    // Not in the midst of a turn.
    queueMicrotask(() => this.#options.onLeaving({ address, serverName, namedBy }));
    return undefined;
  }

  async #try(): Promise<void> {
    const standby = this.#standby;
    if (standby === undefined || this.#trying || !this.pending || this.#session.closeInfo !== undefined) return;
    if (this.#primary !== 'gone' && this.#loses()) return;
    this.#trying = true;
    const attempt = { ...standby, numbers: this.#session.streams.numbers, absence: this.#absence };
    try {
      const asked = { standby: standby.message, state: this.#stateOf(attempt), signal: this.#ended.signal };
      const joined = await this.#options.join(asked, standby.primary, ATTEMPT_MS);
      if (this.#mayGo(attempt)) this.#goOrEnd(joined, attempt);
      else partFrom(joined, this.#session.clock.now());
    } catch (error) {
      // A server that can be had refuses: it would again. Whoever watches has been told by the handshake's outcome.
      if (!isRecoverable(KwikError.from(error)) && this.#standby?.message === standby.message)
        this.#standby = undefined;
    } finally {
      this.#trying = false;
    }
    this.#again();
  }

  #again(): void {
    this.#leaveAtMs = this.#session.clock.now() + this.#waitMs;
    if (this.#session.closeInfo === undefined && this.#primary !== 'well') this.#timer.set(this.#leaveAtMs);
    this.#waitMs = Math.min(2 * this.#waitMs, MAX_WAIT_MS);
    this.#session.wake();
  }

  #stateOf({ message: { ticket }, numbers: { own, peer, peerMayOpen } }: Attempt): proto.Takeover {
    return {
      ticket,
      clientBidiStreams: own.bidi,
      clientUniStreams: own.uni,
      serverBidiStreams: peer.bidi,
      serverUniStreams: peer.uni,
      serverBidiAllowed: peerMayOpen.bidi,
      serverUniAllowed: peerMayOpen.uni,
      nextPathId: this.#options.nextPathId(),
    };
  }

  get #absence(): number | undefined {
    return this.#primary === 'gone' ? this.#absences : undefined;
  }

  /** The standby knows of the streams that there were when it was asked; a primary that was there since may have heard of more. */
  #mayGo({ message, numbers, absence }: Attempt): boolean {
    const primary = this.#primary;
    if (this.#session.closeInfo !== undefined || (primary === 'well' && !message.leaving)) return false;
    if (primary === 'gone' && absence === this.#absences) return true;
    const { own, peer } = this.#session.streams.numbers;
    return same(own, numbers.own) && same(peer, numbers.peer) && (primary === 'gone' || !this.#loses());
  }

  /** Half gone, a session has no primary at all. */
  #goOrEnd(joined: JoinedStandby, attempt: Attempt): void {
    try {
      this.#go(joined, attempt);
    } catch (error) {
      partFrom(joined, this.#session.clock.now());
      this.#session.fail(KwikError.from(error, 'ERR_KWIK_NO_PATH'));
    }
  }

  #go(joined: JoinedStandby, { message, numbers }: Attempt): void {
    const why = new KwikError(
      'ERR_KWIK_NO_PATH',
      `the primary is lost; ${message.address}, which took the session over, knows nothing of what was under way but content`,
    );
    const before = this.#session.paths.info(PRIMARY_PATH_ID)?.address ?? '';
    const lost: StreamId[] = [];
    this.#standby = undefined;
    this.#toldOf = undefined;
    this.#options.primaryPaths.moveTo(joined.address, () => {
      this.#options.content.takeOver(why);
      lost.push(...this.#endStreams(numbers, why));
      for (const path of [...this.#session.paths.values()]) this.#leave(path);
      this.#session.addPath(this.#options.establish(joined));
    });
    const { address, result } = joined;
    this.#options.onTakenOver({ address, serverId: result.serverId, before, lost: lost.sort(byNumber) });
  }

  /** Returns those of which something was still to come or to go. */
  #endStreams(before: StreamNumbers, why: KwikError): StreamId[] {
    const lost: StreamId[] = [];
    for (const stream of [...this.#session.streams.values()]) {
      if (isAfter(stream, before)) continue;
      if (this.#options.content.carries(stream.id)) {
        this.#session.streams.abandonWriting(stream);
        continue;
      }
      if (!isOver(stream)) lost.push(stream.id);
      this.#session.streams.abandon(stream, why);
    }
    return lost;
  }

  /** Servers that bring content stay; whatever else one may do, it did for the primary before. */
  #leave(path: PathRuntime): void {
    if (path.primary) path.send({ $case: 'close', value: { code: 0, reason: TAKEN_OVER, error: false } });
    else if (bringsContentAlone(path)) return;
    path.die(new KwikError('ERR_KWIK_SESSION_CLOSED', TAKEN_OVER));
  }

  /** Something is under way that only the primary can bring to its end. */
  #loses(): boolean {
    for (const stream of this.#session.streams.values()) {
      if (!isOver(stream) && !this.#options.content.endsStream(stream.id)) return true;
    }
    return false;
  }
}

/** Undefined: what was named is no server. */
function serverNameOf({ address, serverName }: proto.Standby): string | undefined {
  try {
    const { host } = parseTarget(address);
    return serverName === '' ? host : serverName;
  } catch {
    return undefined;
  }
}

/** What a relay forwards leads to the primary before. */
function bringsContentAlone({ capabilities }: PathRuntime): boolean {
  return capabilities.includes(proto.Capability.REPLICA) && !capabilities.includes(proto.Capability.RELAY);
}

function byNumber(one: StreamId, other: StreamId): number {
  return one < other ? -1 : 1;
}

function same(one: StreamCounts, other: StreamCounts): boolean {
  return one.bidi === other.bidi && one.uni === other.uni;
}

/** Opened by the client since then: no server knows of it. */
function isAfter({ id }: StreamState, { own }: StreamNumbers): boolean {
  return streamInitiator(id) === 'client' && id >> 2n >= (isUnidirectional(id) ? own.uni : own.bidi);
}

/** All of it has come, and been delivered. */
function isOver({ send, receive }: StreamState): boolean {
  const sent = send === undefined || send.state === 'closed' || send.state === 'reset';
  const end = receive?.finalSize;
  const all = end !== undefined && (receive?.readyEnd ?? end) >= end;
  return sent && (all || receive?.state !== 'open');
}
