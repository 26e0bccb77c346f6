import { checkArgument, checkOptions, optionRules, type CounterRegistry } from '@kwik/wire';
import { attempt } from '../events/subscriptions.js';
import { counters as someCounters } from '../telemetry-rules.js';
import { readHistory, removeUnfinished, requireFile, writeHistory } from './history-file.js';
import {
  bounded,
  HOUR_MS,
  hourOf,
  MAX_HOURS,
  MAX_MINUTES,
  MINUTE_MS,
  type HistoryRow,
  type HistoryServer,
} from './history-rows.js';
import { lookAt, type ServerSums } from './server-sums.js';

const SAVE_EVERY_MINUTES = 5;

export interface HistoryOptions {
  /** What each server has carried so far, and how its paths are: of the counters of a process, or of several processes. */
  readonly counters: CounterRegistry | (() => ReadonlyMap<string, ServerSums>);
  /** Milliseconds since 1970. */
  readonly wallClockMs?: () => number;
}

const { call, either, filePath, group } = optionRules;
const RULES = group<HistoryOptions>({ counters: either(someCounters, call), wallClockMs: call }, ['counters']);

/**
 * How the servers of the process were: a day of minutes and a month of hours, of 16 servers and the others together. In memory,
 * and on disk once it is told where.
 */
export class History {
  readonly #look: () => ReadonlyMap<string, ServerSums>;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #minutes: HistoryRow[] = [];
  #hours: HistoryRow[] = [];
  #before: ReadonlyMap<string, ServerSums>;
  #minuteMs: number;
  #file: { readonly path: string; readonly onFault: (error: Error) => void } | undefined;
  #unsaved = 0;
  /** What is written next has all that there is by then. */
  #willSave = false;
  #saving: Promise<void> = Promise.resolve();

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(options: HistoryOptions) {
    checkOptions(options, { call: 'History', root: RULES });
    const { counters, wallClockMs = () => Date.now() } = options;
    this.#look = typeof counters === 'function' ? counters : () => lookAt(counters);
    this.#now = wallClockMs;
    this.#before = this.#look();
    this.#minuteMs = startOf(this.#now(), MINUTE_MS);
    this.#timer = setInterval(() => attempt(() => this.sample()), MINUTE_MS / 4).unref();
  }

  /** Oldest first. */
  get minutes(): readonly HistoryRow[] {
    return this.#minutes;
  }

  get hours(): readonly HistoryRow[] {
    return this.#hours;
  }

  /**
   * Goes on from what `file` has, and keeps it up to date. A file that cannot be read is moved aside (to `.broken`, `.broken.1` …,
   * the last five are kept), and told of. Rejects with
   * ERR_KWIK_LOCAL_FILE when it cannot be moved, or written, and for a folder, a device or a pipe; with
   * ERR_KWIK_INVALID_ARGUMENT for what is no path.
   */
  async keep(file: string, onFault: (error: Error) => void = () => undefined): Promise<void> {
    checkArgument('keep', 'file', file, filePath);
    checkArgument('keep', 'onFault', onFault, call);
    const fault = (error: Error): void => attempt(() => onFault(error));
    await requireFile(file);
    await removeUnfinished(file);
    const { minutes, hours } = await readHistory(file, fault);
    const nowMs = this.#now();
    // What a clock that was wrong wrote down as still to come is not of use.
    this.#minutes = [...minutes, ...this.#minutes].filter(({ atMs }) => atMs <= nowMs && atMs > nowMs - 24 * HOUR_MS);
    this.#hours = hours.filter(({ atMs }) => atMs <= nowMs).slice(-MAX_HOURS);
    this.#closeHours();
    await writeHistory(file, { minutes: this.#minutes, hours: this.#hours });
    this.#file = { path: file, onFault: fault };
  }

  /** Closes the minute that is over; asked for by itself. */
  sample(): void {
    const minuteMs = startOf(this.#now(), MINUTE_MS);
    if (minuteMs === this.#minuteMs) return;
    const now = this.#look();
    const servers = Array.from(now, ([name, sums]) => row(name, sums, this.#before.get(name)));
    const atMs = this.#minuteMs;
    this.#before = now;
    this.#minuteMs = minuteMs;
    this.#forgetFuture(minuteMs);
    // A clock that was set back has had this minute already.
    if (isFuture(atMs, minuteMs) || atMs <= (this.#minutes.at(-1)?.atMs ?? -1)) return;
    this.#minutes.push({ atMs, servers: bounded(servers.filter(isWorthKeeping)) });
    if (this.#minutes.length > MAX_MINUTES) this.#minutes.shift();
    if (startOf(minuteMs, HOUR_MS) !== startOf(atMs, HOUR_MS)) this.#closeHours();
    this.#unsaved += 1;
    if (this.#unsaved >= SAVE_EVERY_MINUTES) this.#save();
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#unsaved > 0) this.#save();
    await this.#saving;
    this.#file = undefined;
  }

  /** Else a clock that was far ahead for a moment would have nothing written down until that time comes. */
  #forgetFuture(nowMs: number): void {
    const isThere = ({ atMs }: HistoryRow): boolean => !isFuture(atMs, nowMs);
    if ([this.#minutes.at(-1), this.#hours.at(-1)].every((last) => last === undefined || isThere(last))) return;
    this.#minutes = this.#minutes.filter(isThere);
    this.#hours = this.#hours.filter(isThere);
  }

  /** Those that are over, also the one in which the process was stopped. */
  #closeHours(): void {
    const last = this.#hours.at(-1)?.atMs ?? -1;
    const open = startOf(this.#minuteMs, HOUR_MS);
    const hours = new Set(this.#minutes.map(({ atMs }) => startOf(atMs, HOUR_MS)));
    for (const hourMs of hours) {
      if (hourMs <= last || hourMs >= open) continue;
      const minutes = this.#minutes.filter(({ atMs }) => startOf(atMs, HOUR_MS) === hourMs);
      this.#hours.push(hourOf(hourMs, minutes));
      if (this.#hours.length > MAX_HOURS) this.#hours.shift();
    }
  }

  #save(): void {
    this.#unsaved = 0;
    const file = this.#file;
    if (file === undefined || this.#willSave) return;
    this.#willSave = true;
    const write = (): Promise<void> => {
      this.#willSave = false;
      return writeHistory(file.path, { minutes: this.#minutes, hours: this.#hours });
    };
    this.#saving = this.#saving.then(write).catch(file.onFault);
  }
}

function row(name: string, now: ServerSums, before: ServerSums | undefined): HistoryServer {
  const { receivedBytes, sentBytes, rttMs, measured, lossRate, paths, well } = now;
  return {
    // A client, and a server that does not name itself, has none.
    name: name === '' ? 'without a name' : name,
    receivedBytes: Math.max(0, receivedBytes - (before?.receivedBytes ?? 0)),
    sentBytes: Math.max(0, sentBytes - (before?.sentBytes ?? 0)),
    rttMs: measured === 0 ? 0 : rttMs / measured,
    lossRate,
    paths,
    well,
  };
}

/** By more than a clock is corrected by, or set for summer. */
function isFuture(atMs: number, nowMs: number): boolean {
  return atMs > nowMs + HOUR_MS;
}

function isWorthKeeping({ receivedBytes, sentBytes, paths }: HistoryServer): boolean {
  return receivedBytes > 0 || sentBytes > 0 || paths > 0;
}

function startOf(ms: number, spanMs: number): number {
  return Math.floor(ms / spanMs) * spanMs;
}
