import { setMaxListeners } from 'node:events';
import { type BegunDial, dialKey, type DialOutcome, type WantedDial } from '@kwik/paths';
import { partOfProcess, type ProcessDiagnostics, systemClock } from '@kwik/quic';
import { KwikError, type Clock, type ErrorCode, type PathTransport } from '@kwik/wire';
import { jitterOf } from '../../runtime/host/jitter.js';
import type { SessionHost } from '../../runtime/host/session-host.js';
import type { DialGate, Waiting } from './dial-gate.js';
import { type DiallingEnd, DiallingEnds } from './dialling-ends.js';
import { holdProcess } from './hold-process.js';

/** Servers that a session has tried to reach, and not reached since. */
const MAX_TRIED = 1024;
/** A dial that ended for want of time sooner than this says nothing of the server: so long where a peer said how long it may take. */
const FAIR_COMMANDED_MS = 1000;
/** And where the session did: no path is tried for less. */
const FAIR_OWN_MS = 400;
/** A dial that a peer asked for waits no longer for its turn: the peer waits for the answer, and asks again. */
const COMMANDED_WAIT_MS = 1000;
/** Nor one that has somewhere else to go: long enough to take its turn at a trial now and then. */
const ELSEWHERE_AFTER_MS = 250;

/** Nobody answered, as far as this end can see. What a server answers, whatever it is, shows that it is there. */
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_KWIK_CONNECT_FAILED',
  'ERR_KWIK_TIMEOUT',
  'ERR_KWIK_IDLE_TIMEOUT',
]);

/** A dial of a session. */
export interface SessionDial extends Pick<WantedDial, 'address' | 'from'>, Pick<Waiting, 'signal' | 'untilMs'> {
  /** A peer asked for it, and allowed so long for it, milliseconds. Absent: the session's own. */
  readonly commandedMs?: number;
  /** The same is to be had at another address: it does not wait long for this one to answer. */
  readonly elsewhere?: boolean;
  /** Told why it has to wait, in words, and with undefined that it has not to any more. */
  readonly onWait?: (why: string | undefined) => void;
}

/** What an attempt makes. */
type Dialled = Pick<PathTransport, 'answered'> | undefined | void;

export interface SessionDialsOptions {
  readonly gate: Pick<DialGate, 'enter' | 'end'>;
  readonly diagnostics: Pick<ProcessDiagnostics, 'counters'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Keeps the process alive while a dial waits; returns what ends that. Default: nothing does. */
  readonly hold?: (() => () => void) | undefined;
}

/** All that a session dials, itself or for a peer: it knows which of its dials are retries, and the process lets them go. */
export class SessionDials {
  readonly #options: SessionDialsOptions;
  readonly #closing = new AbortController();
  readonly #tried = new Set<string>();

  constructor(options: SessionDialsOptions) {
    this.#options = options;
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * Makes the attempt when its turn comes. Rejects as it does, and as `DialGate.enter`. What comes of a connection that could be
   * used before its server had answered is known when it has.
   */
  async run<T extends Dialled>(dial: SessionDial, attempt: () => Promise<T>): Promise<T> {
    const begun = await this.#turn(dial);
    this.#try(dialKey(dial));
    const { clock } = this.#options;
    const startMs = clock.now();
    try {
      const made = await attempt();
      const answered = made?.answered;
      if (answered === undefined) this.#end(begun, 'reached');
      else {
        const silent = new KwikError('ERR_KWIK_TIMEOUT');
        void answered.then((hasAnswered) => {
          this.#end(begun, hasAnswered ? 'reached' : outcomeOf(silent, dial, clock.now() - startMs));
        });
      }
      return made;
    } catch (thrown) {
      this.#end(begun, outcomeOf(thrown, dial, clock.now() - startMs));
      throw thrown;
    }
  }

  /** The session has what it dialled this server for: the next dial of it is none that failed before. */
  settled(address: string, from?: string): void {
    this.#tried.delete(dialKey({ address, from }));
  }

  /** What waits for its turn is given up. */
  close(): void {
    this.#closing.abort(new KwikError('ERR_KWIK_SESSION_CLOSED'));
  }

  async #turn({
    address,
    from,
    elsewhere = false,
    signal,
    untilMs,
    commandedMs,
    onWait,
  }: SessionDial): Promise<BegunDial> {
    const { clock, diagnostics, gate, hold } = this.#options;
    const { counters } = diagnostics;
    const own = this.#closing.signal;
    const held = { waits: false, release: (): void => undefined };
    const turn = gate.enter(
      { address, from, again: this.#tried.has(dialKey({ address, from })), commanded: commandedMs !== undefined },
      {
        signal: signal === undefined ? own : AbortSignal.any([signal, own]),
        untilMs: commandedMs === undefined ? untilMs : clock.now() + COMMANDED_WAIT_MS,
        elsewhereAfterMs: elsewhere ? ELSEWHERE_AFTER_MS : undefined,
        onHeld: (why, text) => {
          held.waits = true;
          held.release = hold?.() ?? held.release;
          counters.count('heldDials', why);
          onWait?.(text);
        },
      },
    );
    const begun = await turn.finally(() => {
      held.release();
      // Also when it was given up, lest it is told for ever; after the end of the session nothing is told.
      if (held.waits && !own.aborted) onWait?.(undefined);
    });
    counters.count('dials', begun.trial ? 'trial' : begun.again ? 'retry' : 'first');
    return begun;
  }

  #end(begun: BegunDial, outcome: DialOutcome): void {
    const change = this.#options.gate.end(begun, outcome);
    if (change !== undefined) this.#options.diagnostics.counters.count('breakerChanges', change);
  }

  #try(key: string): void {
    this.#tried.add(key);
    const [oldest] = this.#tried;
    if (this.#tried.size > MAX_TRIED && oldest !== undefined) this.#tried.delete(oldest);
  }
}

/** Where a session's dials go out. */
interface Outlet {
  /** Default: that of the clock, which is the real one of the process where it has no other. */
  readonly network: object | undefined;
  readonly clock: Clock;
}

/** What a host needs to have for its dials. */
type DiallingHost = Pick<SessionHost, 'diagnostics' | 'callbacks'>;

/**
 * What all sessions of the process that are dialled over the same network have in common. `random`, 0 <= random() < 1, is that of the
 * session's application: it says when others dial only where they share a network or a clock of the application's own.
 */
export function diallingEnd(
  { diagnostics, callbacks }: DiallingHost,
  { network, clock }: Outlet,
  random: (() => number) | undefined,
): DiallingEnd {
  const ofProcess = network === undefined && clock === systemClock();
  const jitter = ofProcess ? Math.random : jitterOf(callbacks, random);
  return partOfProcess(DiallingEnds).of(network ?? clock, { clock, random: jitter, diagnostics });
}

/** Those of a session, among all of the process over the same network. */
export function sessionDials(host: DiallingHost, outlet: Outlet, random: (() => number) | undefined): SessionDials {
  const { gate } = diallingEnd(host, outlet, random);
  const { clock } = outlet;
  const { diagnostics } = host;
  return new SessionDials({ gate, diagnostics, clock, hold: clock === systemClock() ? holdProcess : undefined });
}

function outcomeOf(thrown: unknown, { commandedMs }: SessionDial, tookMs: number): DialOutcome {
  const { code } = KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED');
  if (!UNREACHABLE.has(code)) return 'unclear';
  const fair = commandedMs === undefined ? tookMs >= FAIR_OWN_MS : commandedMs >= FAIR_COMMANDED_MS;
  return code === 'ERR_KWIK_TIMEOUT' && !fair ? 'unclear' : 'unreachable';
}
