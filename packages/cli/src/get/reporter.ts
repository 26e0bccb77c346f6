import { KwikError } from '@kwik/wire';
import { reportError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { ServerTotals } from '../progress/server-totals.js';
import type { TransferMeter, TransferState } from '../progress/transfer-meter.js';
import { LiveTransfer } from '../ui/live-transfer.js';
import { styleFor } from '../ui/style.js';
import { jsonLine, oneLine } from '../ui/text.js';
import type { TransferView } from '../ui/transfer-view.js';
import { count, formatBytes, formatPercent, formatRate, formatSeconds } from '../ui/units.js';
import { adviceFor } from './advice.js';
import type { Batch } from './batch.js';
import type { GetOptions } from './options.js';
import { errorResult, filesResult, transferResult } from './result.js';

/** Failures that are listed one by one; a thousand lines would hide the first. */
const MAX_LISTED_FAILURES = 20;
const MIN_RATED_BYTES = 100_000;

interface Counters {
  readonly meter: TransferMeter;
  readonly totals: ServerTotals;
}

/** Everything that `kwik get` says: the live view, remarks, and the end, for people or as JSON. */
export class GetReporter {
  readonly meter: TransferMeter;
  readonly totals: ServerTotals;
  readonly #io: CliIo;
  readonly #options: GetOptions;
  #live: LiveTransfer | undefined;
  #batch: Batch | undefined;
  #skipped = 0;
  #check: { readonly checked: number; readonly of: number; readonly receivedBytes: number } | undefined;
  /** As it was when the last byte had been verified; closing the session takes no part in it. */
  #ended: TransferState | undefined;

  constructor(io: CliIo, options: GetOptions, { meter, totals }: Counters) {
    this.#io = io;
    this.#options = options;
    this.meter = meter;
    this.totals = totals;
  }

  start(): void {
    if (!this.#options.json && !this.#options.quiet) this.#live = new LiveTransfer(this.#io, () => this.#view());
  }

  planned(batch: Batch, skipped: number): void {
    this.#batch = batch;
    this.#skipped = skipped;
  }

  say(line: string): void {
    const clean = `kwik: ${oneLine(line)}`;
    if (this.#live !== undefined) this.#live.log(clean);
    else this.#io.stderr.print(`${clean}\n`);
  }

  /** An earlier part is compared with the file, before content comes. */
  checking(checked: number, of: number): void {
    this.#check = { checked, of, receivedBytes: this.meter.state(this.#io.now()).receivedBytes };
  }

  transferEnded(): void {
    this.#ended = this.meter.state(this.#io.now());
  }

  stop(): void {
    this.#live?.stop(false);
    this.#live = undefined;
  }

  /** Prints the end of a run that was not broken off; single files may have failed. */
  succeed(): ExitCode {
    const batch = this.#batch;
    const only = batch?.total === 1 && this.#skipped === 0 ? batch.failed[0] : undefined;
    if (only !== undefined) throw only.error;
    if (this.#options.json) this.#printJson({});
    else this.#printSummary();
    return batch === undefined || batch.failed.length === 0 ? EXIT.ok : EXIT.failed;
  }

  /** The error to end with, said so that the user knows what is kept and how to go on. */
  fail(error: unknown): unknown {
    const final = this.#withAdvice(error);
    if (this.#options.json) this.#printJson(errorResult(final));
    return final;
  }

  #withAdvice(error: unknown): unknown {
    const advice = adviceFor(error, {
      keptBytes: this.#batch?.keptBytes ?? 0,
      finished: this.#batch?.finished.length ?? 0,
      several: (this.#batch?.total ?? 0) > 1,
      force: this.#options.force,
    });
    if (advice === undefined || !(error instanceof KwikError)) return error;
    return new KwikError(error.code, `${reportError(error).message}; ${advice}`, { cause: error });
  }

  #view(): TransferView | undefined {
    const batch = this.#batch;
    if (batch === undefined) return undefined;
    const several = batch.total > 1;
    const transfer = this.meter.state(this.#io.now());
    const note = several ? `${batch.finished.length.toLocaleString('en-US')} done` : this.#checkNote(transfer);
    return {
      title: several ? count(batch.total, 'file') : this.#titleOf(batch),
      transfer,
      servers: this.totals.list(),
      ...(note === undefined ? {} : { note }),
    };
  }

  /** Until content comes. */
  #checkNote({ receivedBytes }: TransferState): string | undefined {
    const check = this.#check;
    if (check === undefined || receivedBytes > check.receivedBytes) return undefined;
    return `checking the part: ${formatBytes(check.checked)} of ${formatBytes(check.of)}`;
  }

  #titleOf(batch: Batch): string {
    return (batch.firstPath ?? '').split('/').at(-1) ?? '';
  }

  #printJson(more: object): void {
    const transfer = this.#ended ?? this.meter.state(this.#io.now());
    const batch = this.#batch;
    const sha256 = batch?.total === 1 ? (batch.finished[0]?.sha256 ?? null) : null;
    const result = {
      ...transferResult(transfer, this.totals.list(), sha256),
      ...(batch === undefined ? {} : filesResult(batch, this.#skipped)),
      ...more,
    };
    this.#io.stdout.print(`${jsonLine(result)}\n`);
  }

  #printSummary(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#printFailures(batch);
    if (this.#options.quiet) return;
    const output = this.#options.output === '-' ? this.#io.stderr : this.#io.stdout;
    for (const line of this.#summary(batch)) output.print(`${oneLine(line)}\n`);
  }

  #printFailures(batch: Batch): void {
    for (const { job, error } of batch.failed.slice(0, MAX_LISTED_FAILURES)) {
      const { message } = reportError(error);
      // Refusals name the file by themselves.
      const name = message.startsWith(`${job.path}: `) ? '' : `${oneLine(job.path)}: `;
      this.#io.stderr.print(`kwik: ${name}${message}\n`);
    }
    const more = batch.failed.length - MAX_LISTED_FAILURES;
    if (more > 0) this.#io.stderr.print(`kwik: and ${count(more, 'more failure')}\n`);
  }

  #summary(batch: Batch): string[] {
    const transfer = this.#ended ?? this.meter.state(this.#io.now());
    const servers = this.totals.list();
    const amount = `${formatBytes(transfer.receivedBytes)} in ${formatSeconds(transfer.elapsedMs)}`;
    const rate = (transfer.receivedBytes * 1000) / Math.max(transfer.elapsedMs, 1);
    // The rate of a few bytes would be that of connecting.
    const speed = transfer.receivedBytes < MIN_RATED_BYTES ? amount : `${amount}, ${formatRate(rate)}`;
    const shares = servers.map(
      ({ server, share, state }) => `${server} ${formatPercent(share)}${state === 'dead' ? ' (dead)' : ''}`,
    );
    return [this.#headline(batch, speed), ...(servers.length > 1 ? [`from ${shares.join(', ')}`] : [])];
  }

  #headline(batch: Batch, speed: string): string {
    const only = batch.total === 1 ? batch.finished[0] : undefined;
    const ok = styleFor(this.#io.stdout, this.#io.env).unicode ? '✓ ' : '';
    if (only !== undefined) {
      const resumed = only.offset > 0 ? `, resumed at ${formatBytes(only.offset)}` : '';
      return `${ok}${only.job.target ?? 'standard output'}: ${speed}${resumed}, SHA-256 ${only.sha256}`;
    }
    const parts = [`${count(batch.finished.length, 'file')} done`];
    if (this.#skipped > 0) parts.push(`${count(this.#skipped, 'file')} there already`);
    if (batch.failed.length > 0) parts.push(`${count(batch.failed.length, 'file')} failed`);
    return `${batch.failed.length === 0 ? ok : ''}${parts.join(', ')}: ${speed}`;
  }
}
