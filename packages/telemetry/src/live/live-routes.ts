import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { answer, type AdminRoute } from '../admin/admin-server.js';
import type { AlertView } from '../alerts/alert.js';
import type { LiveOverview, LivePath } from './live-state.js';
import type { TimelineEntry } from './timeline.js';

const TICK_MS = 250;
/** The lists of all sessions and servers change more slowly than the paths of one. */
const TICKS_PER_OVERVIEW = 4;
const MAX_STREAMS = 16;
/** A page that takes nothing for so long is closed: it holds a place that another may want. A browser comes back by itself. */
const MAX_UNREAD_TICKS = 60;

export interface LiveSources {
  readonly state: {
    overview(nowMs: number): LiveOverview;
    /** Undefined: the session is not there. */
    paths(sessionId: string, nowMs: number): readonly LivePath[] | undefined;
  };
  readonly timeline: { since(after: number): readonly TimelineEntry[] };
  readonly alerts: () => readonly AlertView[];
  /** Gets what `state` and `timeline` have from elsewhere: the paths of a session, and all else where it is wanted. Never rejects. */
  readonly refresh?: (session: string, withAll: boolean) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** What the page asks for: all at once (`/state`, for `kwik top`, too), or as server-sent events four times a second. */
export function liveRoutes(sources: LiveSources): Readonly<Record<string, AdminRoute>> {
  const { state, timeline, alerts, refresh, now = () => performance.now() } = sources;
  let streams = 0;
  return {
    '/state': async (_request, response, url) => {
      const session = await lookAt(sources, url.searchParams.get('session') ?? '');
      const nowMs = now();
      const overview = state.overview(nowMs);
      const paths = state.paths(session, nowMs) ?? [];
      const body = { session, paths, ...overview, alerts: alerts(), lines: timeline.since(0) };
      answer(response, 200, JSON.stringify(body), 'application/json');
    },
    '/events': (request, response, url) => {
      if (request.method === 'HEAD') return answer(response, 200, '');
      if (streams >= MAX_STREAMS) return answer(response, 503, 'as many pages as may be are open\n');
      streams += 1;
      const wanted = url.searchParams.get('session') ?? '';
      const stream = new LiveStream(response, sources, wanted, now);
      response.on('close', () => {
        streams -= 1;
        stream.end();
      });
      if (refresh !== undefined) return lookAt(sources, wanted).then(() => stream.begin());
      stream.begin();
    },
  };
}

/** Refreshes all, and the paths of the session that is shown: the one that is wanted, or the first. Resolves with its id. */
async function lookAt({ state, refresh, now = () => performance.now() }: LiveSources, wanted: string): Promise<string> {
  await refresh?.(wanted, true);
  const session = wanted === '' ? (state.overview(now()).sessions[0]?.id ?? '') : wanted;
  if (session !== wanted) await refresh?.(session, false);
  return session;
}

/** One open page. */
class LiveStream {
  readonly #response: ServerResponse;
  readonly #sources: LiveSources;
  readonly #session: string;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #unreadTicks = 0;
  #told = 0;
  #ended = false;

  constructor(response: ServerResponse, sources: LiveSources, session: string, now: () => number) {
    this.#response = response;
    this.#sources = sources;
    this.#session = session;
    this.#now = now;
  }

  begin(): void {
    if (this.#ended) return;
    this.#response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    this.#tick();
    this.#timer = setInterval(() => this.#tickOrEnd(), TICK_MS).unref();
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#timer);
  }

  /** Nobody catches what a timer throws: a fault costs this page, not the process. */
  #tickOrEnd(): void {
    try {
      this.#tick();
    } catch {
      this.#response.destroy();
    }
  }

  #tick(): void {
    // A page that does not read gets what is then when it reads again.
    if (this.#response.writableNeedDrain) {
      if (++this.#unreadTicks >= MAX_UNREAD_TICKS) this.#response.destroy();
      return;
    }
    this.#unreadTicks = 0;
    const { state, timeline, alerts, refresh } = this.#sources;
    const withAll = this.#ticks++ % TICKS_PER_OVERVIEW === 0;
    const nowMs = this.#now();
    const overview = state.overview(nowMs);
    const chosen = this.#session === '' ? (overview.sessions[0]?.id ?? '') : this.#session;
    const lines = timeline.since(this.#told);
    this.#told = lines.at(-1)?.number ?? this.#told;
    const all = withAll ? { ...overview, alerts: alerts() } : {};
    const body = { time: Date.now(), session: chosen, paths: state.paths(chosen, nowMs) ?? null, lines, ...all };
    this.#response.write(`data: ${JSON.stringify(body)}\n\n`);
    // For the next time.
    void refresh?.(chosen, withAll);
  }
}
