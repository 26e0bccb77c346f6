import type { Session } from '@kwik/session';
import { partNow, type Transmitter } from '@kwik/session/socket';
import type { Carrier } from '../carrier/carrier.js';

/**
 * What a kernel does for a process that ends: its connections are closed, and their peers hear of it. Here they would have
 * to find out by themselves, so the process tells them with its last breath.
 */
export class ProcessFarewell {
  readonly #sessions = new Set<Session>();
  readonly #carriers = new Set<Carrier>();
  readonly #transmitters = new Set<Transmitter>();
  #listens = false;

  addSession(session: Session): void {
    this.#listen();
    this.#sessions.add(session);
    void session.closed.then(() => this.#sessions.delete(session));
  }

  /** Returns what takes it out again. */
  addCarrier(carrier: Carrier): () => void {
    this.#carriers.add(carrier);
    return () => void this.#carriers.delete(carrier);
  }

  /** Returns what takes it out again. */
  addTransmitter(transmitter: Transmitter): () => void {
    this.#transmitters.add(transmitter);
    return () => void this.#transmitters.delete(transmitter);
  }

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    process.once('exit', () => {
      for (const carrier of this.#carriers) carrier.leave({ abrupt: false, held: false });
      partNow(this.#sessions, this.#transmitters);
    });
  }
}
