import { checkArgument, checkOptions, optionRules, type ServerOutcome } from '@kwik/wire';
import { PeakEwma } from '../selection/peak-ewma.js';
import { Ejection } from './ejection.js';
import { withDefaults } from '../with-defaults.js';
import { DEFAULT_HEALTH, HEALTH_RULES, type HealthOptions } from './health-options.js';
import { latencyOutliers, successOutliers, type Judged } from './outliers.js';
import { OutcomeWindow } from './outcome-window.js';
import { PhiAccrual } from './phi-accrual.js';

/** Those that are compared with each other are looked at so often. */
const SWEEP_MS = 5000;
const PROBE_JITTER = 0.25;

interface ServerHealth {
  readonly ewma: PeakEwma;
  /** Made with the first use: most of many servers are never used. */
  window: OutcomeWindow | undefined;
  readonly ejection: Ejection;
  phi: PhiAccrual | undefined;
  failuresInRow: number;
  probeDueMs: number;
  probing: boolean;
}

/** A server is out of the choice, or in it again. */
export interface HealthTurn {
  readonly key: string;
  /** Undefined: it is in again. */
  readonly ejected: string | undefined;
}

/**
 * How the servers do: first by what came of using them; idle ones by probes; silent ones by their heartbeats. Knows as many
 * servers as it was told of, until `forget`. `random`: 0 <= random() < 1, for the jitter of probes.
 */
export class HealthBook {
  readonly #options: HealthOptions;
  readonly #random: () => number;
  readonly #servers = new Map<string, ServerHealth>();
  /** Who is out, and whether `turns` has said so. */
  readonly #out = new Map<string, { told: boolean }>();
  #sweptMs = -Infinity;

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: Partial<HealthOptions>, random: () => number) {
    checkOptions(options, { call: 'HealthBook', root: HEALTH_RULES });
    checkArgument('HealthBook', 'random', random, optionRules.call);
    this.#options = withDefaults(DEFAULT_HEALTH, options);
    this.#random = random;
  }

  /** A server is there from now on. */
  learn(key: string, now: number): void {
    if (!this.#servers.has(key)) this.#servers.set(key, this.#fresh(now));
  }

  forget(key: string): void {
    this.#servers.delete(key);
    this.#out.delete(key);
  }

  observe(key: string, outcome: ServerOutcome, now: number): void {
    const server = this.#servers.get(key);
    if (server === undefined) return;
    const succeeded = outcome.kind === 'success';
    this.#heard(server, now);
    server.window ??= new OutcomeWindow(this.#options.windowMs, now);
    server.window.add(succeeded, now);
    if (succeeded) {
      server.failuresInRow = 0;
      if (outcome.rttMs !== undefined) server.ewma.sample(outcome.rttMs, now);
      return;
    }
    server.failuresInRow++;
    if (server.failuresInRow < this.#options.consecutiveFailures) return;
    this.#eject(key, server, `${server.failuresInRow} failures in a row, the last: ${outcome.error.message}`, now);
  }

  heartbeat(key: string, now: number): void {
    const server = this.#servers.get(key);
    if (server === undefined) return;
    server.phi ??= new PhiAccrual(this.#options.heartbeatMs);
    server.phi.heartbeat(now);
    this.#heard(server, now);
  }

  /** This process did not run for so long: nobody is suspected for it. */
  pause(lateMs: number): void {
    for (const { phi } of this.#servers.values()) phi?.pause(lateMs);
  }

  /** Why the server is out; undefined: it is not. */
  ejected(key: string, now: number): string | undefined {
    return this.#servers.get(key)?.ejection.reason(now);
  }

  /** Who went out, and who is in again, since it was asked last. */
  turns(now: number): HealthTurn[] {
    const turns: HealthTurn[] = [];
    for (const [key, out] of this.#out) {
      const ejected = this.ejected(key, now);
      if (ejected === undefined) this.#out.delete(key);
      // Who went and came in between is of no interest any more.
      if (out.told === (ejected === undefined)) turns.push({ key, ejected });
      out.told = true;
    }
    return turns;
  }

  rttMs(key: string): number | undefined {
    return this.#servers.get(key)?.ewma.valueMs;
  }

  /** Compares the servers with each other, every five seconds at the most. */
  sweep(now: number): void {
    if (now < this.#sweptMs + SWEEP_MS) return;
    this.#sweptMs = now;
    const judged: Judged[] = [];
    for (const [key, server] of this.#servers) {
      if (server.window === undefined || server.ejection.isOut(now)) continue;
      const { attempts, rate } = server.window.read(now);
      judged.push({ key, attempts, rate, rttMs: server.ewma.valueMs });
    }
    this.#silent(now);
    for (const { key, reason } of [
      ...successOutliers(judged, this.#options),
      ...latencyOutliers(judged, this.#options),
    ]) {
      const server = this.#servers.get(key);
      if (server !== undefined) this.#eject(key, server, reason, now);
    }
  }

  /** Idle servers that are to be probed now; each is named once, until `observe` tells what came of it. */
  dueProbes(now: number, max: number): string[] {
    const due: string[] = [];
    if (this.#options.probeAfterMs <= 0) return due;
    for (const [key, server] of this.#servers) {
      if (due.length >= max) break;
      if (server.probing || now < server.probeDueMs) continue;
      server.probing = true;
      due.push(key);
    }
    return due;
  }

  #silent(now: number): void {
    for (const [key, server] of this.#servers) {
      const phi = server.phi?.phi(now) ?? 0;
      if (phi <= this.#options.maxPhi || server.ejection.isOut(now)) continue;
      this.#eject(key, server, `its heartbeats have stopped (phi ${phi.toFixed(0)})`, now);
    }
  }

  /** Puts it out, unless too many were out with this one. */
  #eject(key: string, server: ServerHealth, reason: string, now: number): void {
    let out = 0;
    for (const { ejection } of this.#servers.values()) if (ejection.isOut(now)) out++;
    const cap = Math.max(1, Math.floor(this.#servers.size * this.#options.maxEjectedShare));
    if (server.ejection.isOut(now) || out + 1 > cap) return;
    server.ejection.eject(reason, now);
    this.#out.set(key, { told: false });
    server.failuresInRow = 0;
  }

  #heard(server: ServerHealth, now: number): void {
    server.probing = false;
    server.probeDueMs = now + this.#jittered(this.#options.probeAfterMs);
  }

  #fresh(now: number): ServerHealth {
    const { ejectionMs, maxEjectionMs, probeAfterMs } = this.#options;
    return {
      ewma: new PeakEwma(),
      window: undefined,
      ejection: new Ejection({ baseMs: ejectionMs, maxMs: maxEjectionMs }),
      phi: undefined,
      failuresInRow: 0,
      probeDueMs: now + this.#jittered(probeAfterMs),
      probing: false,
    };
  }

  /** A quarter more or less, so that clients which began together do not probe together. */
  #jittered(ms: number): number {
    return ms * (1 - PROBE_JITTER + 2 * PROBE_JITTER * this.#random());
  }
}
