import { processDiagnostics } from '@kwik/session';
import type { ClientTrust, PathInfo, Session } from '@kwik/session';
import { KwikError, type PathReading } from '@kwik/wire';
import { pause } from '../abortable.js';
import { reportError } from '../errors.js';
import { explainDialError } from '../get/connect.js';
import type { CliIo } from '../io.js';
import { RoundTally, type PathReport, type ServerReport } from './reports.js';
import { udpVerdict } from './udp-verdict.js';

export interface ExamineOptions {
  readonly trust?: ClientTrust;
  /** Relays that the session should use besides. */
  readonly relays: readonly string[];
  readonly rounds: number;
  readonly intervalMs: number;
  /** For the session, and for each answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Sends enough over each path to find out how large its datagrams may be. */
  readonly findsSizes?: boolean;
  /** Told of each answer as it comes; undefined: there was none in time. */
  readonly onAnswer?: (path: PathInfo, round: number, rttMs: number | undefined) => void;
}

/** A primary names its other servers at once; the client has to reach them. Where that takes long, so did the session. */
const SETTLE_LEAST_MS = 400;
const SETTLE_CONNECTS = 3;
const SETTLE_MOST_MS = 4_000;
const LOOK_EVERY_MS = 50;
/** What every path carries (RFC 9000, section 14), and every connection begins with. */
const BASE_DATAGRAM_BYTES = 1_200;
/** Eight full datagrams make a path try a larger one, and three behind it show what became of that. */
const QUESTIONS_OF_BURST = 24;
const PADDING_BYTES = 1_024;
/** A larger size that does not pass is followed by a smaller one. */
const MAX_BURSTS = 3;
const BETWEEN_BURSTS_MS = 100;
/** Of each server; what comes above is no longer a diagnosis. */
const MAX_REFUSED = 32;

/** Opens a session with one server, asks over all its paths in rounds, and tells what it found. Rejects when aborted only. */
export async function examine(address: string, options: ExamineOptions, io: CliIo): Promise<ServerReport> {
  const { trust, relays, timeoutMs, signal } = options;
  const refused: { address: string; reason: string }[] = [];
  const startedMs = io.now();
  let session: Session;
  try {
    session = await io.network.dial(address, {
      signal,
      timeouts: { dialMs: timeoutMs },
      ...(trust !== undefined && { trust }),
      paths: {
        ...(relays.length > 0 && { relays: relays.map((relay) => ({ address: relay })) }),
        onRefused: ({ address: other, error }) => {
          if (refused.length < MAX_REFUSED) refused.push({ address: other, reason: reportError(error).message });
        },
      },
    });
  } catch (error) {
    signal.throwIfAborted();
    const known = KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED');
    const udp = udpVerdict(known);
    // What a silent or empty port may mean is said with what else is known of it.
    const explained = udp === 'open' || udp === 'unknown' ? explainDialError(address, error) : known;
    const { code, message } = reportError(explained);
    return { address, udp, connectMs: null, problem: { code, message }, paths: [], refused };
  }
  const connectMs = io.now() - startedMs;
  try {
    await settled(session, connectMs, io, signal);
    const paths = await new Rounds(session, options).run();
    return { address, udp: 'open', connectMs, problem: null, paths, refused };
  } finally {
    await session.close(0, '', { timeoutMs: 0 }).catch(() => undefined);
  }
}

/**
 * Waits until no path is being connected for the first time, 4 s at the most; `connectMs`: how long the session took. Rejects
 * when aborted only.
 */
export async function settled(session: Session, connectMs: number, io: CliIo, signal: AbortSignal): Promise<void> {
  const startedMs = io.now();
  const leastMs = Math.min(SETTLE_MOST_MS, Math.max(SETTLE_LEAST_MS, SETTLE_CONNECTS * connectMs));
  const isOpening = ({ state }: PathInfo): boolean => state === 'connecting' || state === 'validating';
  for (;;) {
    const waitedMs = io.now() - startedMs;
    if (waitedMs >= SETTLE_MOST_MS) return;
    if (waitedMs >= leastMs && !session.getAllPaths().some(isOpening)) return;
    await pause(LOOK_EVERY_MS, signal);
  }
}

/** What is known of a path from its rounds. */
class Asked {
  readonly tally = new RoundTally();
  /** Of the quickest answer, which tells the time best. */
  clockAheadMs: number | null = null;
  #quickestMs = Infinity;

  take(rttMs: number, clockAheadMs: number | undefined): void {
    this.tally.add(rttMs);
    if (clockAheadMs === undefined || rttMs >= this.#quickestMs) return;
    this.#quickestMs = rttMs;
    this.clockAheadMs = clockAheadMs;
  }
}

class Rounds {
  readonly #session: Session;
  readonly #options: ExamineOptions;
  readonly #asked = new Map<number, Asked>();
  /** As they were when their path was last there: a path that is lost has none. */
  readonly #readings = new Map<number, PathReading>();

  constructor(session: Session, options: ExamineOptions) {
    this.#session = session;
    this.#options = options;
  }

  async run(): Promise<PathReport[]> {
    const { rounds, intervalMs, signal } = this.#options;
    for (let round = 1; round <= rounds; round++) {
      if (round > 1) await pause(intervalMs, signal);
      await Promise.all(this.#session.getActivePaths().map((path) => this.#ask(path, round)));
      this.#look();
    }
    if (this.#options.findsSizes === true) await this.#findSizes();
    return this.#session.getAllPaths().map((path) => this.#report(path));
  }

  async #findSizes(): Promise<void> {
    const { signal, timeoutMs } = this.#options;
    for (let burst = 0; burst < MAX_BURSTS; burst++) {
      const small = this.#session.getActivePaths().filter(({ id }) => this.#sizeOf(id) <= BASE_DATAGRAM_BYTES);
      if (small.length === 0) return;
      const questions = small.flatMap(({ id }) =>
        Array.from({ length: QUESTIONS_OF_BURST }, () =>
          this.#session.pingPath(id, { timeoutMs, paddingBytes: PADDING_BYTES }),
        ),
      );
      await Promise.allSettled(questions);
      await pause(BETWEEN_BURSTS_MS, signal);
      this.#look();
    }
  }

  #sizeOf(pathId: number): number {
    return this.#readings.get(pathId)?.datagramBytes ?? 0;
  }

  async #ask(path: PathInfo, round: number): Promise<void> {
    const { timeoutMs, signal, onAnswer } = this.#options;
    let asked = this.#asked.get(path.id);
    if (asked === undefined) this.#asked.set(path.id, (asked = new Asked()));
    try {
      const { rttMs, clockAheadMs } = await this.#session.pingPath(path.id, { timeoutMs });
      asked.take(rttMs, clockAheadMs);
      onAnswer?.(path, round, rttMs);
    } catch {
      signal.throwIfAborted();
      asked.tally.add(undefined);
      onAnswer?.(path, round, undefined);
    }
  }

  #look(): void {
    for (const source of processDiagnostics().counters.sources()) {
      if (source.kind !== 'session' || source.role !== 'client') continue;
      const reading = source.read();
      if (reading.sessionId !== this.#session.id) continue;
      for (const path of reading.paths) this.#readings.set(path.pathId, path);
    }
  }

  #report(path: PathInfo): PathReport {
    const asked = this.#asked.get(path.id);
    const { sentPackets = 0, lostPackets, serverId = '', via = null } = path;
    const { datagramBytes = null, certificateUntilMs = 0 } = this.#readings.get(path.id) ?? {};
    return {
      id: path.id,
      address: path.address,
      server: serverId,
      primary: path.primary,
      via,
      state: path.state,
      ...verdictOf(path),
      rounds: (asked?.tally ?? new RoundTally()).read(),
      sentPackets,
      lostPackets,
      datagramBytes,
      certificateUntil: certificateUntilMs === 0 ? null : new Date(certificateUntilMs).toISOString(),
      clockAheadMs: asked?.clockAheadMs ?? null,
    };
  }
}

/** Each path that does not carry has a reason. */
function verdictOf(
  path: Pick<PathInfo, 'state' | 'reason' | 'unused' | 'errorCode'>,
): Pick<PathReport, 'verdict' | 'reason'> {
  const { state, unused, reason, errorCode } = path;
  const why = unused ?? reason ?? errorCode ?? `it is ${state}`;
  switch (state) {
    case 'active':
      return unused === undefined ? { verdict: 'carries', reason: '' } : { verdict: 'standby', reason: unused };
    case 'degraded':
      return { verdict: 'degraded', reason: reason ?? 'it loses packets or got slow' };
    case 'suspended':
      return { verdict: 'standby', reason: why };
    default:
      return { verdict: 'down', reason: why };
  }
}
