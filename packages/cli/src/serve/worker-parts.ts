import { processDiagnostics, type WorkerSeat } from '@kwik/session';
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

/** What the process that speaks for all workers tells each of them: an operator has the server drain, or no more. */
export interface FleetDrain {
  readonly serve: 'fleet-drain';
  readonly isDraining: boolean;
}

/** What a worker has in place of an audit log and an admin page of its own. */
export class WorkerParts implements Disposable {
  readonly audit: AuditSender | undefined;
  readonly #telemetry: WorkerTelemetry | undefined;
  readonly #leave: () => void;
  #onFleetDrain: (isDraining: boolean) => void = () => undefined;
  #isDraining = false;

  private constructor(seat: WorkerSeat, audit: AuditSender | undefined, telemetry: WorkerTelemetry | undefined) {
    this.audit = audit;
    this.#telemetry = telemetry;
    this.#leave = seat.onMessage((message) => {
      if (isFleetDrain(message)) {
        this.#isDraining = message.isDraining;
        this.#onFleetDrain(message.isDraining);
      } else if (audit?.take(message) !== true) telemetry?.take(message);
    });
  }

  /** Called at once where it drains already. */
  onFleetDrain(listener: (isDraining: boolean) => void): void {
    this.#onFleetDrain = listener;
    if (this.#isDraining) listener(true);
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

function isFleetDrain(message: unknown): message is FleetDrain {
  return typeof message === 'object' && message !== null && (message as Partial<FleetDrain>).serve === 'fleet-drain';
}
