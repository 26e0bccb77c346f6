import { lstat } from 'node:fs/promises';
import type { OwnDiscovery } from '@kwik/discovery';
import type { ClientTrust, Session } from '@kwik/session';
import type { KeptTrustScores } from '@kwik/trust';
import { KwikError, type Discovery, type ServerTrust } from '@kwik/wire';
import { openDiscovery } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { ServerTotals } from '../progress/server-totals.js';
import { TransferMeter } from '../progress/transfer-meter.js';
import type { Omission } from '../protocol/messages.js';
import { readTrust } from '../trust-files.js';
import { Watching } from '../watching/watching.js';
import { Batch, type Failed } from './batch.js';
import { checkDistinctTargets, jobForFile, jobsForListing, type Job } from './jobs.js';
import { openScores } from './kept-scores.js';
import { type EarlyRequest, firstRequest, folderOf } from './early-request.js';
import { withSession } from './link.js';
import { planGet, withStandardOutput, type GetOptions, type GetPlan } from './options.js';
import { PartFile } from './part-file.js';
import { listRemote } from './remote.js';
import { GetReporter } from './reporter.js';
import type { Sink } from './sink.js';
import { openDescriptor, specialFile } from './special-outputs.js';
import { StdoutSink, type ByteOutput } from './stdout-sink.js';
import { checkFolder, lookAt, type Target } from './target.js';

/** An address that answers at all does so within seconds, even far away and on its third try. */
const MAX_CONNECT_TIMEOUT_MS = 10_000;

/** `kwik get`: resolves with the exit status, or throws the one error that ended it. */
export async function runGet(urls: readonly string[], given: GetOptions, io: CliIo): Promise<ExitCode> {
  const options = withStandardOutput(given);
  const meter = new TransferMeter(io.now());
  const reporter = new GetReporter(io, options, { meter, totals: new ServerTotals() });
  let discovery: OwnDiscovery | undefined;
  let watching: Watching | undefined;
  let kept: KeptTrustScores | undefined;
  try {
    const plan = planGet(urls, options);
    if (options.dir !== undefined) await checkFolder(options.dir);
    const trust = await readTrust(options);
    watching = await Watching.open(options, io, (_event, line) => reporter.say(line));
    discovery = plan.byName ? await discoveryFor(plan, options, io) : undefined;
    kept = await openScores(options.trustScores, (line) => reporter.say(line));
    const found = {
      ...(discovery !== undefined && { discovery }),
      ...(kept !== undefined && { scores: kept.scores }),
    };
    await new GetRun({ plan, options, io, reporter, ...(trust === undefined ? {} : { trust }), ...found }).run();
    return reporter.succeed();
  } catch (error) {
    throw reporter.fail(error);
  } finally {
    discovery?.close();
    await kept?.close();
    await watching?.close();
  }
}

interface GetRunOptions {
  readonly plan: GetPlan;
  readonly options: GetOptions;
  readonly io: CliIo;
  readonly reporter: GetReporter;
  readonly trust?: ClientTrust;
  readonly discovery?: Discovery;
  readonly scores?: ServerTrust;
}

class GetRun {
  readonly #run: GetRunOptions;
  readonly #interrupted = new AbortController();
  #batch: Batch | undefined;
  #targets: ReadonlySet<string | undefined> = new Set();

  constructor(run: GetRunOptions) {
    this.#run = run;
  }

  async run(): Promise<void> {
    const { plan, options, io, reporter, trust, discovery, scores } = this.#run;
    const stopListening = io.onInterrupt((signal) => this.#interrupted.abort(interruption(signal)));
    reporter.start();
    try {
      const early = await firstRequest(plan, options);
      await withSession(
        io,
        {
          servers: plan.servers,
          ...(trust === undefined ? {} : { trust }),
          ...(discovery === undefined ? {} : { discovery }),
          ...(scores === undefined ? {} : { scores }),
          ...(early === undefined ? {} : { early }),
          connectTimeoutMs: Math.min(options.timeout * 1000, MAX_CONNECT_TIMEOUT_MS),
          silenceMs: options.timeout * 1000,
          signal: this.#interrupted.signal,
          totals: reporter.totals,
          say: (line) => reporter.say(line),
          progress: () => reporter.meter.state(io.now()).receivedBytes,
        },
        (session) => this.#fetch(session, early),
      );
    } finally {
      reporter.stop();
      stopListening();
    }
  }

  async #fetch(session: Session, early: EarlyRequest | undefined): Promise<void> {
    const { options, io, reporter } = this.#run;
    const signal = this.#interrupted.signal;
    try {
      this.#batch ??= await this.#plan(session, signal, early);
      await this.#batch.run({
        session,
        signal,
        ...(early === undefined ? {} : { early }),
        timeoutMs: options.timeout * 1000,
        now: () => io.now(),
        onChecking: (checked, of) => reporter.checking(checked, of),
        say: (line) => reporter.say(line),
      });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      reporter.transferEnded();
    }
  }

  /** What there is to do; asked of the server once, whatever becomes of the session. */
  async #plan(session: Session, signal: AbortSignal, early: EarlyRequest | undefined): Promise<Batch> {
    const { plan, options, reporter } = this.#run;
    const all: Job[] = [];
    const omitted: Failed[] = [];
    for (const url of plan.urls) {
      if (!options.recursive) {
        all.push(jobForFile(url, options.output, options.dir));
        continue;
      }
      const folder = folderOf(url);
      const listing = await listRemote(session, folder, {
        signal,
        ...(early === undefined ? {} : { early }),
        timeoutMs: options.timeout * 1000,
        now: () => this.#run.io.now(),
      });
      const { jobs, refused } = jobsForListing(listing.entries, folder, options.dir ?? '.');
      all.push(...jobs);
      omitted.push(...listing.omitted.map(omittedFile), ...refused);
    }
    checkDistinctTargets(all);
    this.#targets = new Set(all.map(({ target }) => target));
    const jobs = options.skipExisting ? await withoutExisting(all) : all;
    const batch = new Batch(jobs, { sinkFor: (job) => this.#sinkFor(job), meter: reporter.meter, omitted });
    reporter.planned(batch, all.length - jobs.length);
    return batch;
  }

  async #sinkFor(job: Job): Promise<Sink> {
    const { plan, options, io } = this.#run;
    const target = job.target === undefined ? undefined : await lookAt(job.target);
    if (target?.kind !== 'file') {
      return new StdoutSink(target === undefined ? io.stdout : this.#outputTo(target));
    }
    const [url] = plan.urls;
    const { server = '', service } = url ?? {};
    const origin = service === undefined ? `kwik://${server}` : server;
    return new PartFile(target.path, `${origin}/${job.path}`, {
      ...(target.mode === undefined ? {} : { mode: target.mode }),
      force: options.force,
      taken: (path) => this.#targets.has(path),
      makeFolders: options.output === undefined && (options.dir !== undefined || options.recursive),
    });
  }

  #outputTo(target: Exclude<Target, { kind: 'file' }>): ByteOutput {
    const { options, reporter } = this.#run;
    if (target.kind === 'descriptor') return openDescriptor(target.fd, target.path);
    // A name that a server chose leads into no device of ours.
    if (options.output === undefined) {
      const message = `${target.path} is a device or a pipe; name it with -o to write into it`;
      throw new KwikError('ERR_KWIK_LOCAL_FILE', message);
    }
    return specialFile(target.path, () => reporter.say(`waiting for somebody to read ${target.path}`));
  }
}

/** What the server left out is as good as failed: whoever asks for a folder wants all of it. */
function omittedFile({ path, reason }: Omission): Failed {
  return { job: { path, target: undefined }, error: new KwikError('ERR_KWIK_SOURCE_FAILED', `${path}: ${reason}`) };
}

async function discoveryFor({ urls }: GetPlan, options: GetOptions, io: CliIo): Promise<OwnDiscovery> {
  const discovery = await openDiscovery(options, io);
  if (discovery !== undefined) return discovery;
  throw usageError(`where are the servers of ${urls[0]?.server ?? ''}? Name a source with --discover SOURCE`);
}

async function withoutExisting(jobs: readonly Job[]): Promise<Job[]> {
  const left: Job[] = [];
  for (const job of jobs) {
    const there = job.target === undefined ? undefined : await lstat(job.target).catch(() => undefined);
    if (there === undefined) left.push(job);
  }
  return left;
}

function interruption(signal: string): KwikError {
  return new KwikError('ERR_KWIK_ABORTED', signal === 'SIGINT' ? 'interrupted' : 'terminated');
}
