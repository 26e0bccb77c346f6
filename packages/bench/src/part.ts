/** One figure beside its reference from the same run. */
export interface Row {
  /** Stable between versions: `--compare` matches rows by part and name. */
  readonly name: string;
  readonly value: number;
  /** 'MB/s', 'Mbit/s', 'ms', 's', 'kB', 'µs', '1/s', 's/GB' or '' for a plain number. */
  readonly unit: string;
  readonly reference?: { readonly name: string; readonly value: number };
  /** `value` to `reference.value` unless the part defines it otherwise (an aggregation benefit, say). */
  readonly ratio?: number;
  readonly target?: Target;
  /** For `--compare`, where no target says so: a smaller ratio is the better one. */
  readonly lessIsBetter?: boolean;
  /** Short: spread over the rounds, what was skipped. */
  readonly note?: string;
}

/** What a row must reach; of its ratio, or of its value where there is no ratio. */
export interface Target {
  readonly of: 'ratio' | 'value';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** An SVG of its own, written to docs/plots/NAME.svg with `--plots`. */
export interface Plot {
  readonly name: string;
  readonly svg: string;
}

export interface PartResult {
  readonly rows: readonly Row[];
  readonly plots?: readonly Plot[];
  /** What could not be measured here, and why. */
  readonly skipped?: readonly string[];
  /** What broke off, and why, while the rest was measured. */
  readonly failures?: readonly string[];
}

export interface PartContext {
  /** Rounds of each measurement; the median counts. */
  readonly rounds: number;
  /** Few and short runs, to see that everything works: figures mean little. */
  readonly quick: boolean;
  /** Folder for profiles of child processes, or undefined. */
  readonly cpuProfileFolder: string | undefined;
  /** Progress, a line each, to stderr. */
  log(line: string): void;
  /** A regular expression by which a part may leave rows out (`--rows`). */
  readonly wanted: (rowName: string) => boolean;
}

/** One part of `pnpm bench`. */
export interface Part {
  readonly name: string;
  readonly about: string;
  run(context: PartContext): Promise<PartResult>;
}
