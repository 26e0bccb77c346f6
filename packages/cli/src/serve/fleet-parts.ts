import type { WorkerEvent, WorkerFleet } from '@kwik/session';
import type { AdminServer, FleetTelemetry } from '@kwik/telemetry';
import type { AuditLog, SharedAuditLog } from '@kwik/trust';
import { openAudit, type AuditOptions } from '../audit/open-audit.js';
import type { CliIo } from '../io.js';
import {
  aboutProcess,
  adminAddress,
  checkHistory,
  type Health,
  type Say,
  type WatchFlags,
} from '../watching/watching.js';

export interface FleetPartsOptions extends AuditOptions, WatchFlags {}

interface Needs {
  readonly io: Pick<CliIo, 'env'>;
  readonly say: Say;
  readonly health: Health;
}

/** What there is one of for all workers, in the process that starts them: the audit log and the admin page. */
export class FleetParts {
  readonly #options: FleetPartsOptions;
  readonly #needs: Needs;
  #log: AuditLog | undefined;
  #audit: SharedAuditLog | undefined;
  #telemetry: FleetTelemetry | undefined;
  #admin: AdminServer | undefined;
  #fleet: WorkerFleet | undefined;
  /** What workers said before all of them were started; then it can be answered. */
  #early: (() => void)[] | undefined = [];

  private constructor(options: FleetPartsOptions, needs: Needs) {
    this.#options = options;
    this.#needs = needs;
  }

  /** Rejects when log or page cannot be had, before there is a worker. */
  static async open(options: FleetPartsOptions, needs: Needs): Promise<FleetParts> {
    checkHistory(options);
    const parts = new FleetParts(options, needs);
    try {
      await parts.#openAudit();
      if (options.admin !== undefined) await parts.#serveAdmin(options.admin);
      return parts;
    } catch (error) {
      await parts.close();
      throw error;
    }
  }

  /** All workers are started. */
  attach(fleet: WorkerFleet): void {
    this.#fleet = fleet;
    this.#catchUp();
    const url = this.#admin?.url;
    if (url !== undefined) this.#needs.say({ event: 'admin', url }, `operators: ${url}`);
  }

  onMessage(worker: number, message: unknown): void {
    const take = (): unknown =>
      this.#audit?.take(worker, message) === true || this.#telemetry?.take(worker, message) === true;
    if (this.#early === undefined) take();
    else this.#early.push(take);
  }

  onEvent(event: WorkerEvent): void {
    const take = (): void => this.#follow(event);
    if (this.#early === undefined) take();
    else this.#early.push(take);
  }

  /** When no worker is there any more, and all that they sent has been taken. Rejects when the log could not be written to its end. */
  async close(): Promise<void> {
    this.#catchUp();
    await this.#admin?.close();
    await this.#telemetry?.history.close();
    this.#telemetry?.[Symbol.dispose]();
    await this.#log?.close();
  }

  #catchUp(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const take of early) take();
  }

  #follow({ kind, worker }: WorkerEvent): void {
    if (kind === 'started') {
      this.#audit?.add(worker);
      this.#telemetry?.add(worker);
    } else if (kind !== 'draining') {
      this.#audit?.remove(worker);
      this.#telemetry?.remove(worker);
    }
  }

  async #openAudit(): Promise<void> {
    this.#log = await openAudit(this.#options);
    if (this.#log === undefined) return;
    const { SharedAuditLog } = await import('@kwik/trust');
    const send = (worker: number, message: unknown): void => void this.#fleet?.send(worker, message);
    this.#audit = new SharedAuditLog({ log: this.#log, send });
  }

  async #serveAdmin(address: string): Promise<void> {
    const { io, say, health } = this.#needs;
    const { history } = this.#options;
    const at = await adminAddress(address, this.#options, io);
    const { FleetTelemetry } = await import('@kwik/telemetry');
    const telemetry = new FleetTelemetry({ send: (worker, message) => this.#fleet?.send(worker, message) ?? false });
    this.#telemetry = telemetry;
    if (history !== undefined) {
      await telemetry.history.keep(history, ({ message }) =>
        say({ event: 'history-failed', message }, `history: ${message}`),
      );
    }
    this.#admin = await telemetry.admin(
      at,
      () => health.problems,
      () => ({ ...aboutProcess(this.#options, io.env), workers: this.#fleet?.workers() ?? [] }),
    );
  }
}
