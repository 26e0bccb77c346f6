import type { BackendPathStats } from '../backends/backend.js';
import type { WindowSettings } from '../backends/window-unit.js';
import { ETHERNET_IPV4_BYTES } from '../packets/datagram-bytes.js';
import { CarefulResume, type PathMemo, type ResumedPath } from './careful-resume.js';
import type { PathModel } from './pacing-rate.js';
import { RttProbe } from './rtt-probe.js';
import { firstWindowBytes, StartWindow } from './start-window.js';

/**
 * How often the backend's statistics are read: its answer is built of objects and costs as much as sending a packet.
 * Who asks for them gets fresher ones.
 */
const SAMPLE_INTERVAL_MS = 4;
export const STATS_AGE_MS = 1;

/** So few packets can do no harm before they are looked at. */
const JUDGE_EVERY_PACKETS = 16;
/** After so long without data of ours its acknowledgements are in, and the path has told what it can. */
const QUIET_MS = 2_000;

/** The backend's RTT is in whole milliseconds, rounded down; half of one is what rounding takes away on average. */
const ROUNDING_MS = 0.5;
/** What a smoothed RTT has moved towards the current one after a round trip of eight samples: 1 - (7/8)^8. */
const ROUND_TRIP_GAIN = 0.66;

/** How far one sample that is lower than the lowest RTT takes this down. */
const LOWER_GAIN = 0.25;

const NO_STATS: BackendPathStats = {
  rttMs: 0,
  cwndBytes: 0,
  deliveryRateBytesPerSecond: 0,
  sentPackets: 0,
  receivedPackets: 0,
  lostPackets: 0,
  lostBytes: 0,
  sentBytes: 0,
  receivedBytes: 0,
  retransmittedBytes: 0,
};

/** Who counts the bytes with stream data that are acknowledged or lost. */
interface Settled {
  readonly settledBytes: number;
}

/** What has come and gone since the last sample. */
interface Progress {
  readonly packets: number;
  readonly quietMs: number;
  readonly settled: Settled;
}

/** What is known of the path, and who wants to know of it. */
interface SamplerSettings extends WindowSettings {
  readonly resumed?: ResumedPath;
  readonly onPathKnown?: (path: PathMemo) => void;
}

/** Often enough for transfers of less than a second. */
const TELL_EVERY_MS = 250;

/** Samples of the backend's statistics, and what they do not tell: lowest RTT and its variation. Pure. */
export class PathSampler {
  private stats = NO_STATS;
  private takenMs = -Infinity;
  private minMs = 0;
  private varMs = 0;
  private smoothedMs = 0;
  private variationFromMs = 0;
  private variationDueMs = 0;
  private firstMs = Infinity;
  private readonly start: StartWindow | undefined;
  private readonly resume: CarefulResume | undefined;
  private onPathKnown: ((path: PathMemo) => void) | undefined;
  private toldMs = -Infinity;
  /** Of the first sample: what the handshake took says nothing. */
  private first: { readonly deliveredBytes: number; readonly lostBytes: number } | undefined;
  readonly probe = new RttProbe();

  /** Without settings, pacing reckons with the backend's window from the beginning. */
  constructor(settings?: SamplerSettings) {
    this.start = settings === undefined ? undefined : new StartWindow(settings);
    this.onPathKnown = settings?.onPathKnown;
    if (settings?.resumed === undefined) return;
    const datagramBytes = Math.min(settings.datagramBytes, ETHERNET_IPV4_BYTES);
    this.resume = new CarefulResume(firstWindowBytes({ ...settings, datagramBytes }), settings.resumed);
  }

  get latest(): BackendPathStats {
    return this.stats;
  }

  /** Smoothed RTT, 0 before there is one. */
  get rttMs(): number {
    return this.smoothedMs;
  }

  get minRttMs(): number {
    return this.minMs;
  }

  get rttVarMs(): number {
    return this.varMs;
  }

  /** What pacing wants to know; `pathLimited`: the path was what limited the sender. */
  model(inFlightBytes: number, pathLimited: boolean): PathModel {
    const { sentBytes, lostBytes } = this.stats;
    const deliveredBytes = sentBytes - lostBytes - inFlightBytes;
    return {
      cwndBytes: this.pacedWindow(deliveredBytes),
      rttMs: this.smoothedMs,
      minRttMs: this.minMs,
      inFlightBytes,
      deliveredBytes,
      lostBytes,
      pathLimited,
    };
  }

  /** `bandwidth`, bytes per millisecond: of the path when it was seen full; 0 while it was not. */
  known(pacer: { readonly bandwidth: number }, now: number): void {
    if (this.onPathKnown === undefined || now - this.toldMs < TELL_EVERY_MS) return;
    const { bandwidth } = pacer;
    if (bandwidth === 0) return;
    this.toldMs = now;
    this.onPathKnown({ pipeBytes: bandwidth * this.minMs, rttMs: this.minMs });
  }

  /** The peer has another address: nothing that is known of the path to the one before is so of this one, nor the reverse. */
  moved(): void {
    this.onPathKnown = undefined;
    this.resume?.leave();
  }

  private pacedWindow(deliveredBytes: number): number {
    const { cwndBytes, lostBytes } = this.stats;
    if (this.resume === undefined) {
      return this.start?.paced(cwndBytes, this.takenMs - this.firstMs, this.smoothedMs) ?? cwndBytes;
    }
    this.first ??= { deliveredBytes, lostBytes };
    return this.resume.window({
      cwndBytes,
      rttMs: this.minMs,
      deliveredBytes: deliveredBytes - this.first.deliveredBytes,
      lostBytes: lostBytes - this.first.lostBytes,
    });
  }

  /**
   * Whether what came and went may tell something new, as keep-alives do not: `packets` that came since the last sample,
   * stream data that last went `quietMs` ago, or what has settled since a round trip began to be measured.
   */
  isDue(now: number, { packets, quietMs, settled }: Progress): boolean {
    if (this.probe.waiting && this.probe.wouldEnd(settled.settledBytes)) return true;
    return this.older(now, SAMPLE_INTERVAL_MS) && (packets >= JUDGE_EVERY_PACKETS || quietMs <= QUIET_MS);
  }

  older(now: number, ageMs: number): boolean {
    return now - this.takenMs >= ageMs;
  }

  /**
   * Only after the handshake: before that the backend's RTT is a guess. What has settled is asked for with the window
   * of this sample: with an older one that has grown since, too little would seem to be in flight.
   */
  record(stats: BackendPathStats, now: number, settled?: Settled): void {
    this.stats = stats;
    this.takenMs = now;
    this.firstMs = Math.min(this.firstMs, now);
    if (settled !== undefined && this.probe.waiting) this.probe.settled(settled.settledBytes, now);
    const rttMs = stats.rttMs + ROUNDING_MS;
    // While little is sent, quiche dates packets back, by as long as 4 to 12 kB would take at its rate: seconds.
    this.recordRtt(Math.min(rttMs, this.probed(now)), now);
  }

  /** Below the lowest RTT only step by step: that may come from a slow handshake, but a path's does not change. */
  private probed(now: number): number {
    const rttMs = this.probe.rttMs(now);
    return rttMs < this.minMs ? this.minMs - LOWER_GAIN * (this.minMs - rttMs) : rttMs;
  }

  private recordRtt(rttMs: number, now: number): void {
    if (this.smoothedMs === 0) {
      // RFC 9002, section 5.3: the first sample.
      this.minMs = rttMs;
      this.varMs = rttMs / 2;
      this.variationFromMs = rttMs;
      this.variationDueMs = now + rttMs;
    }
    this.smoothedMs = rttMs;
    this.minMs = Math.min(this.minMs, rttMs);
    if (now < this.variationDueMs) return;
    // Once per round trip: how far the smoothed RTT has come is about two thirds of how far the RTT itself has.
    const deviation = Math.abs(rttMs - this.variationFromMs) / ROUND_TRIP_GAIN;
    this.varMs = 0.75 * this.varMs + 0.25 * deviation;
    this.variationFromMs = rttMs;
    this.variationDueMs = now + rttMs;
  }
}
