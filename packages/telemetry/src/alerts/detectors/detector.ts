/** What a detector makes of a value. */
export interface Verdict {
  readonly alarming: boolean;
  /** What the value is compared with. */
  readonly normal: number;
}

/**
 * Looks at one series, a value at a time, at even intervals. Pure: the same values give the same verdicts. While it alarms
 * its baseline is frozen, or the abnormal would soon be normal. A model that was learned elsewhere has the same shape.
 */
export interface Detector {
  observe(value: number): Verdict;
}
