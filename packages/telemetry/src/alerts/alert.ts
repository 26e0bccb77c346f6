/** What somebody should look at. `critical`: something does not work; `warning`: it works, and worse than it did. */
export type Severity = 'warning' | 'critical';

/** An alert in words: what, since when, what is normal, what is now, the probable cause, and what to do. */
export interface AlertView {
  /** The same for the same cause. */
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly normal: string;
  readonly now: string;
  readonly cause: string;
  readonly action: string;
}

/** What the watch found wrong in one round; who is asked about the same cause again says it again. */
export type Finding = Omit<AlertView, 'since'>;

export interface AlertChange {
  readonly change: 'raised' | 'worsened' | 'resolved';
  readonly alert: AlertView;
}
