import { lstat } from 'node:fs/promises';
import type { ClientTrust, Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { formatHostPort } from '../address.js';
import { usageError } from '../errors.js';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { ServerTotals } from '../progress/server-totals.js';
import { TransferMeter } from '../progress/transfer-meter.js';
import type { Omission } from '../protocol/messages.js';
import { readPem } from '../serve/credentials.js';
import { Batch, type Failed } from './batch.js';
import { checkDistinctTargets, jobForFile, jobsForListing, type Job } from './jobs.js';
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
  try {
    const plan = planGet(urls, options);
    if (options.dir !== undefined) await checkFolder(options.dir);
    const trust = await readTrust(options);
    await new GetRun({ plan, options, io, reporter, ...(trust === undefined ? {} : { trust }) }).run();
    return reporter.succeed();
  } catch (error) {
    throw reporter.fail(error);
  }
}

interface GetRunOptions {
  readonly plan: GetPlan;
  readonly options: GetOptions;
  readonly io: CliIo;
  readonly reporter: GetReporter;
  readonly trust?: ClientTrust;
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
    const { plan, options, io, reporter, trust } = this.#run;
    const stopListening = io.onInterrupt((signal) => this.#interrupted.abort(interruption(signal)));
    reporter.start();
    try {
      await withSession(
        io,
        {
          servers: plan.servers,
          ...(trust === undefined ? {} : { trust }),
          connectTimeoutMs: Math.min(options.timeout * 1000, MAX_CONNECT_TIMEOUT_MS),
          silenceMs: options.timeout * 1000,
          signal: this.#interrupted.signal,
          totals: reporter.totals,
          say: (line) => reporter.say(line),
          progress: () => reporter.meter.state(io.now()).receivedBytes,
        },
        (session) => this.#fetch(session),
      );
    } finally {
      reporter.stop();
      stopListening();
    }
  }

  async #fetch(session: Session): Promise<void> {
    const { options, io, reporter } = this.#run;
    const signal = this.#interrupted.signal;
    try {
      this.#batch ??= await this.#plan(session, signal);
      await this.#batch.run({
        session,
        signal,
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
  async #plan(session: Session, signal: AbortSignal): Promise<Batch> {
    const { plan, options, reporter } = this.#run;
    const all: Job[] = [];
    const omitted: Failed[] = [];
    for (const url of plan.urls) {
      if (!options.recursive) {
        all.push(jobForFile(url, options.output, options.dir));
        continue;
      }
      const folder = url.path.replace(/\/+$/u, '');
      const listing = await listRemote(session, folder, {
        signal,
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
    const origin = url === undefined ? '' : formatHostPort(url);
    return new PartFile(target.path, `kwik://${origin}/${job.path}`, {
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

async function readTrust({ ca, pin }: GetOptions): Promise<ClientTrust | undefined> {
  if (ca === undefined && pin.length === 0) return undefined;
  for (const value of pin) {
    if (!/^(?:[0-9a-f]{64}|[A-Za-z0-9+/]{43}=?)$/iu.test(value)) {
      throw usageError(`--pin ${value} is not a SHA-256: 64 hexadecimal digits, or base64`);
    }
  }
  return {
    ...(ca === undefined ? {} : { ca: await readPem('--ca', ca) }),
    ...(pin.length === 0 ? {} : { pins: pin }),
  };
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
