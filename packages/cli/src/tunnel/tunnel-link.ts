import type { Leaving, Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { abortable, pause } from '../abortable.js';
import { isConnectionFailure, reportError } from '../errors.js';

export interface TunnelLinkOptions {
  /** `leaving`: to the standby of a server that is about to stop. */
  dial(signal: AbortSignal, leaving?: Leaving): Promise<Session>;
  /** Each session as it comes, the first included; what it rejects with ends the tunnel. */
  onSession(session: Session): Promise<void>;
  /** Whether there is a session for what is new; told anew with each session. */
  onStanding(stands: boolean): void;
  /** Tells the user something in one line. */
  say(line: string): void;
  readonly signal: AbortSignal;
}

/** Between attempts to connect again: at first, and at most. */
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 5000;
/** A connection that comes while there is no session waits so long for one. */
const PATIENCE_MS = 15_000;
/** Sessions that are left for a standby while connections keep them: each holds what a session holds, and servers say how many come. */
const MAX_LEFT = 8;

/**
 * The session of a tunnel: dialled at the start, and again whenever it is lost, for as long as it takes. The first dial is
 * not repeated: a server that is not there is a mistake in the command more often than an outage. While connections keep the session at
 * a server that is about to stop, new ones go through a session with its standby.
 */
export class TunnelLink {
  readonly #options: TunnelLinkOptions;
  #current: Promise<Session>;
  /** That which has come of it, the last one. */
  #standing: Session;
  /** Another session takes the place of one that lives. */
  #onReplaced = (): void => undefined;
  /** The standby that was named last, until it is dialled. */
  #named: { readonly session: Session; readonly leaving: Leaving } | undefined;
  #leaving = false;
  /** Sessions whose last connections have not ended. */
  readonly #left = new Set<Session>();

  private constructor(options: TunnelLinkOptions, first: Session) {
    this.#options = options;
    this.#current = Promise.resolve(first);
    this.#standing = first;
    this.#stand(first);
  }

  /** Rejects as the dial does, and as `onSession` does. */
  static async open(options: TunnelLinkOptions): Promise<TunnelLink> {
    return new TunnelLink(options, await establish(options));
  }

  /** The session that stands; waits 15 s at the most where it was lost. Rejects with ERR_KWIK_NO_PATH when none came. */
  async session(signal: AbortSignal): Promise<Session> {
    const late = AbortSignal.timeout(PATIENCE_MS);
    try {
      return await abortable(this.#current, AbortSignal.any([signal, late]));
    } catch (error) {
      if (!late.aborted || signal.aborted) throw error;
      throw new KwikError('ERR_KWIK_NO_PATH', `the server was not reached again in ${PATIENCE_MS / 1000} s`);
    }
  }

  /** Keeps the session until the signal aborts, which rejects with its reason; so does what no second try would mend. */
  async keep(): Promise<never> {
    const { signal } = this.#options;
    for (;;) {
      const current = this.#current;
      const session = await current;
      const replaced = new Promise<undefined>((resolve) => (this.#onReplaced = () => resolve(undefined)));
      session.onLeaving((leaving) => void this.#leave(session, leaving));
      const ended = await abortable(Promise.race([session.closed, replaced]), signal);
      if (ended === undefined || this.#current !== current) continue;
      const { reason, error } = ended;
      this.#options.say(
        `${error === undefined ? `the server ended the session: ${reason}` : reportError(error).message}; connecting again`,
      );
      this.#current = this.#connectAgain();
      this.#current.catch(() => undefined);
      this.#stand(await this.#current);
      this.#options.say('connected again');
    }
  }

  /** Ends the session in good order. */
  async close(): Promise<void> {
    const session = await Promise.race([this.#current, Promise.resolve(undefined)]).catch(() => undefined);
    await Promise.all([...this.#left, ...(session === undefined ? [] : [session])].map((one) => one.close()));
  }

  #stand(session: Session): void {
    this.#standing = session;
    this.#options.onStanding(true);
    void session.closed.then(() => {
      if (this.#standing === session) this.#options.onStanding(false);
    });
  }

  /** One after the other, and only the last that was named: how often it names one is the server's. */
  async #leave(session: Session, leaving: Leaving): Promise<void> {
    if (this.#standing !== session) return;
    this.#named = { session, leaving };
    if (this.#leaving) return;
    this.#leaving = true;
    while (this.#named !== undefined) {
      const named = this.#named;
      this.#named = undefined;
      await this.#goTo(named.leaving, named.session);
    }
    this.#leaving = false;
  }

  /** Never rejects: where the standby cannot be had everything stays with the server, for as long as that is there. */
  async #goTo(leaving: Leaving, session: Session): Promise<void> {
    const before = this.#current;
    if ((await before.catch(() => undefined)) !== session) return;
    if (this.#left.size >= MAX_LEFT) {
      const why = `${MAX_LEFT} sessions with servers before it have not ended`;
      this.#options.say(`the server is about to stop, and ${leaving.address} is not gone to: ${why}`);
      return;
    }
    const itself = { went: false };
    const stopHearing = session.onTakeover(() => (itself.went = true));
    try {
      const next = await establish(this.#options, leaving);
      stopHearing();
      if (itself.went || this.#current !== before) {
        void next.close();
        return;
      }
      this.#current = Promise.resolve(next);
      this.#stand(next);
      this.#onReplaced();
      this.#retire(session);
      this.#options.say(`the server is about to stop: new connections go through ${leaving.address}, the others stay`);
    } catch (error) {
      stopHearing();
      if (!this.#options.signal.aborted)
        this.#options.say(
          `the server is about to stop, and ${leaving.address} is not there: ${reportError(error).message}`,
        );
    }
  }

  #retire(session: Session): void {
    this.#left.add(session);
    void session.closed.then(() => this.#left.delete(session));
    // Its last connection has ended, or its server: nobody needs it where it went.
    session.onTakeover(() => void session.close());
  }

  async #connectAgain(): Promise<Session> {
    const { signal } = this.#options;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      await pause(waitMs, signal);
      try {
        return await establish(this.#options);
      } catch (error) {
        if (signal.aborted || !mayPass(error)) throw error;
      }
    }
  }
}

async function establish(options: TunnelLinkOptions, leaving?: Leaving): Promise<Session> {
  const session = await options.dial(options.signal, leaving);
  try {
    await options.onSession(session);
    return session;
  } catch (error) {
    void session.close();
    throw error;
  }
}

/** Also that the server still holds a port for the session that was lost. */
function mayPass(error: unknown): boolean {
  return isConnectionFailure(error) || (error instanceof KwikError && error.code === 'ERR_KWIK_SOURCE_FAILED');
}
