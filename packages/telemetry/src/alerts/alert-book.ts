import type { AlertChange, AlertView, Finding } from './alert.js';

/** Open at once; beyond it something general is wrong, and the first ones say so. */
const MAX_OPEN = 64;
const MAX_SILENCES = 64;
/** What comes and goes is one alert until it has been well for so long. */
const RESOLVE_AFTER_MS = 15_000;

interface Open {
  alert: AlertView;
  lastSeenMs: number;
}

/**
 * The alerts that are open: one for each cause, however often it is found. Pure: times are given, and what is to be told
 * is returned.
 */
export class AlertBook {
  readonly #open = new Map<string, Open>();
  /** Until when a cause is not told of, by its id. */
  readonly #silences = new Map<string, number>();

  /** The worst first, then the oldest. */
  views(): AlertView[] {
    const alerts = Array.from(this.#open.values(), ({ alert }) => alert);
    return alerts.sort((a, b) => rank(a) - rank(b) || a.since - b.since);
  }

  /** Takes what a round found. `now` is in milliseconds since 1970. */
  round(findings: readonly Finding[], now: number): AlertChange[] {
    const changes: AlertChange[] = [];
    for (const finding of findings) {
      const change = this.#take(finding, now);
      if (change !== undefined && !this.#silent(finding.id, now)) changes.push(change);
    }
    for (const [id, { alert, lastSeenMs }] of this.#open) {
      if (now - lastSeenMs < RESOLVE_AFTER_MS) continue;
      this.#open.delete(id);
      if (!this.#silent(id, now)) changes.push({ change: 'resolved', alert });
    }
    return changes;
  }

  /** Tells nobody of this cause until `untilMs`; it stays in the list. */
  silence(id: string, untilMs: number): void {
    this.#silences.delete(id);
    this.#silences.set(id, untilMs);
    if (this.#silences.size <= MAX_SILENCES) return;
    for (const oldest of this.#silences.keys()) {
      this.#silences.delete(oldest);
      return;
    }
  }

  #silent(id: string, now: number): boolean {
    return (this.#silences.get(id) ?? 0) > now;
  }

  #take(finding: Finding, now: number): AlertChange | undefined {
    const known = this.#open.get(finding.id);
    if (known === undefined) {
      if (this.#open.size >= MAX_OPEN) return undefined;
      const alert = { ...finding, since: now };
      this.#open.set(finding.id, { alert, lastSeenMs: now });
      return { change: 'raised', alert };
    }
    const worse = finding.severity === 'critical' && known.alert.severity === 'warning';
    known.alert = { ...finding, since: known.alert.since };
    known.lastSeenMs = now;
    return worse ? { change: 'worsened', alert: known.alert } : undefined;
  }
}

function rank({ severity }: AlertView): number {
  return severity === 'critical' ? 0 : 1;
}
