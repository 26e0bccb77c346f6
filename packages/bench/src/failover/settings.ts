/** What is cut, and under which load. */
export interface Setting {
  readonly name: string;
  /**
   * `servers`: content from a server behind each link; `paths`: one writer at one server with a path per link, which is
   * MPTCP's case; `light`: the same with a message of 1 kB every 10 ms in place of all that goes; `reliable`: these
   * messages in a stream that is carried reliably.
   */
  readonly kind: 'servers' | 'paths' | 'light' | 'reliable';
  readonly links: number;
  /** Links that are cut at once, chosen anew each time. */
  readonly cut: number;
  readonly rttMs: number;
  /** Part of `--quick`. */
  readonly quick: boolean;
}

/** Of each link: enough for many packets per round trip, and little enough for several sessions on two cores. */
export const RATE_MBIT = 10;
export const MESSAGE = { messageBytes: 1000, everyMs: 10 };
const RTTS_MS = [10, 20, 50, 100] as const;
const SHAPES = [
  { links: 2, cut: 1, words: 'one of two' },
  { links: 3, cut: 2, words: 'two of three' },
] as const;
const KINDS = {
  servers: 'servers, loaded',
  paths: 'paths, loaded',
  light: 'paths, light load',
  reliable: 'paths, a reliable stream',
} as const;
/** A copy goes over one other path: where two are lost at once it may be lost as well. */
const OF_TWO = ['servers', 'paths', 'light', 'reliable'] as const;
const OF_THREE = ['servers', 'paths', 'light'] as const;

export const SETTINGS: readonly Setting[] = RTTS_MS.flatMap((rttMs) =>
  SHAPES.flatMap(({ links, cut, words }) =>
    (links === 2 ? OF_TWO : OF_THREE).map((kind) => ({
      name: `${words} ${KINDS[kind]}, ${rttMs} ms`,
      kind,
      links,
      cut,
      rttMs,
      quick: rttMs === 20 || (rttMs === 100 && links === 2),
    })),
  ),
);

/** How a setting's cuts follow each other. */
export interface Schedule {
  readonly cuts: number;
  /** Until all paths are at their rate. */
  readonly settleMs: number;
  /** Long enough to see 90 % of what is left within a second. */
  readonly downMs: number;
  /** Every `longEvery`th cut: the paths are dead by then, and have to be connected again. */
  readonly longDownMs: number;
  readonly longEvery: number;
  /** Long enough to see 90 % of the whole within two seconds; up to `randomMs` more, so that cuts come at any moment. */
  readonly upMs: number;
  readonly randomMs: number;
}

const LOADED: Schedule = {
  cuts: 20,
  settleMs: 1500,
  downMs: 1300,
  longDownMs: 4000,
  longEvery: 10,
  upMs: 2250,
  randomMs: 200,
};
/** Nothing of it has to get going again. */
const LIGHT: Schedule = { ...LOADED, downMs: 800, upMs: 1500 };
const QUICK = { cuts: 3, longEvery: 3 };

/** Messages, and not all that goes. */
export function isLight(kind: Setting['kind']): boolean {
  return kind === 'light' || kind === 'reliable';
}

export function scheduleOf({ kind }: Setting, quick: boolean): Schedule {
  const schedule = isLight(kind) ? LIGHT : LOADED;
  return quick ? { ...schedule, ...QUICK } : schedule;
}

/** What a reader may wait after a cut. */
export interface GapLimit {
  /** Of the smoothed round-trip time just before the cut. */
  readonly rtts: number;
  readonly plusMs: number;
}

export const GAP_LIMIT: GapLimit = { rtts: 3, plusMs: 50 };
/** Above this round-trip time, the limit is a time. */
export const GAP_LIMIT_RTT_MS = 50;
export const LONG_RTT_GAP_MS = 200;
/** 90 % of what is left, and of the whole after healing. */
export const RECOVERY_SHARE = 0.9;
export const SURVIVING_WITHIN_MS = 1000;
export const WHOLE_WITHIN_MS = 2000;
