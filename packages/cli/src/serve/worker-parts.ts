import { processDiagnostics, type ServerHealth, type WorkerSeat } from '@kwik/session';
import type { WorkerTelemetry } from '@kwik/telemetry';
import type { AuditSender } from '@kwik/trust';
import type { Say } from '../watching/watching.js';

/** One of several processes, and what the one that started them does for all. */
export interface WorkerPlace {
  readonly seat: WorkerSeat;
  /** It shows what this one answers, on the page of --admin. */
  readonly isShown: boolean;
  /** It writes what this one sends into the log of --audit. */
  readonly isAudited: boolean;
}

/**
 * What the process that speaks for all workers tells each of them: that an operator has the server drain, or no more; and how all of
 * them are together, which they tell their clients.
 */
export type FleetWord =
  | { readonly serve: 'fleet-drain'; readonly isDraining: boolean }
  | { readonly serve: 'fleet-health'; readonly health: ServerHealth };

/** What a worker has in place of an audit log and an admin page of its own. */
export class WorkerParts implements Disposable {
  readonly audit: AuditSender | undefined;
  readonly #telemetry: WorkerTelemetry | undefined;
  readonly #leave: () => void;
  #onFleetDrain: (isDraining: boolean) => void = () => undefined;
  #isDraining = false;
  #onFleetHealth: (health: ServerHealth) => void = () => undefined;
  #health: ServerHealth | undefined;

  private constructor(seat: WorkerSeat, audit: AuditSender | undefined, telemetry: WorkerTelemetry | undefined) {
    this.audit = audit;
    this.#telemetry = telemetry;
    this.#leave = seat.onMessage((message) => {
      if (isFleetWord(message)) this.#take(message);
      else if (audit?.take(message) !== true) telemetry?.take(message);
    });
  }

  /** Called at once where it drains already. */
  onFleetDrain(listener: (isDraining: boolean) => void): void {
    this.#onFleetDrain = listener;
    if (this.#isDraining) listener(true);
  }

  /** Called at once where it is known already. */
  onFleetHealth(listener: (health: ServerHealth) => void): void {
    this.#onFleetHealth = listener;
    if (this.#health !== undefined) listener(this.#health);
  }

  #take(word: FleetWord): void {
    if (word.serve === 'fleet-drain') {
      this.#isDraining = word.isDraining;
      this.#onFleetDrain(word.isDraining);
    } else {
      this.#health = word.health;
      this.#onFleetHealth(word.health);
    }
  }

  static async open(
    { seat, isShown, isAudited }: WorkerPlace,
    { auditMayFail }: { readonly auditMayFail?: boolean },
    say: Say,
  ): Promise<WorkerParts> {
    const send = (message: unknown): boolean => seat.send(message);
    const onFailure = auditMayFail === true ? 'continue' : 'stop';
    const audit = isAudited
      ? new (await import('@kwik/trust')).AuditSender({ send, isConnected: () => seat.connected, onFailure })
      : undefined;
    const telemetry = isShown
      ? new (await import('@kwik/telemetry')).WorkerTelemetry({
          send,
          counters: processDiagnostics().counters,
          onAlert: ({ change, alert: { title, now } }) =>
            say({ event: `alert-${change}`, title, now }, `alert ${change}: ${title} (${now})`),
        })
      : undefined;
    return new WorkerParts(seat, audit, telemetry);
  }

  [Symbol.dispose](): void {
    this.#leave();
    this.#telemetry?.[Symbol.dispose]();
  }
}

function isFleetWord(message: unknown): message is FleetWord {
  if (typeof message !== 'object' || message === null) return false;
  const { serve } = message as Partial<FleetWord>;
  return serve === 'fleet-drain' || serve === 'fleet-health';
}
