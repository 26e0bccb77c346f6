import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { answer, type AdminRoute } from '../admin/admin-server.js';
import type { AlertView } from '../alerts/alert.js';
import type { LiveState } from './live-state.js';
import type { Timeline } from './timeline.js';

const TICK_MS = 250;
/** The lists of all sessions and servers change more slowly than the paths of one. */
const TICKS_PER_OVERVIEW = 4;
const MAX_STREAMS = 16;
/** A page that takes nothing for so long is closed: it holds a place that another may want. A browser comes back by itself. */
const MAX_UNREAD_TICKS = 60;

export interface LiveSources {
  readonly state: LiveState;
  readonly timeline: Timeline;
  readonly alerts: () => readonly AlertView[];
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** What the page asks for: all at once (`/state`, for `kwik top`, too), or as server-sent events four times a second. */
export function liveRoutes(sources: LiveSources): Readonly<Record<string, AdminRoute>> {
  const { state, timeline, alerts, now = () => performance.now() } = sources;
  let streams = 0;
  return {
    '/state': (_request, response, url) => {
      const nowMs = now();
      const overview = state.overview(nowMs);
      const session = url.searchParams.get('session') ?? overview.sessions[0]?.id ?? '';
      const paths = state.paths(session, nowMs) ?? [];
      const body = { session, paths, ...overview, alerts: alerts(), lines: timeline.since(0) };
      answer(response, 200, JSON.stringify(body), 'application/json');
    },
    '/events': (request, response, url) => {
      if (request.method === 'HEAD') return answer(response, 200, '');
      if (streams >= MAX_STREAMS) return answer(response, 503, 'as many pages as may be are open\n');
      streams += 1;
      const stream = new LiveStream(response, sources, url.searchParams.get('session') ?? '', now);
      response.on('close', () => {
        streams -= 1;
        stream.end();
      });
      stream.begin();
    },
  };
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

  constructor(response: ServerResponse, sources: LiveSources, session: string, now: () => number) {
    this.#response = response;
    this.#sources = sources;
    this.#session = session;
    this.#now = now;
  }

  begin(): void {
    this.#response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    this.#tick();
    this.#timer = setInterval(() => this.#tickOrEnd(), TICK_MS).unref();
  }

  end(): void {
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
    const { state, timeline, alerts } = this.#sources;
    const nowMs = this.#now();
    const overview = state.overview(nowMs);
    const chosen = this.#session === '' ? (overview.sessions[0]?.id ?? '') : this.#session;
    const lines = timeline.since(this.#told);
    this.#told = lines.at(-1)?.number ?? this.#told;
    const all = this.#ticks++ % TICKS_PER_OVERVIEW === 0 ? { ...overview, alerts: alerts() } : {};
    const body = { time: Date.now(), session: chosen, paths: state.paths(chosen, nowMs) ?? null, lines, ...all };
    this.#response.write(`data: ${JSON.stringify(body)}\n\n`);
  }
}
