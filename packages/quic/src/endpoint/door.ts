import { KwikError } from '@kwik/wire';
import type { AdmissionControl } from '../routing/limits.js';
import { HalfOpenTable } from '../routing/half-open-table.js';
import { sourceOf } from '../routing/source.js';
import type { EndpointCounters } from '../routing/endpoint-stats.js';

/** An incoming connection, as far as the door is concerned. */
export interface Comer {
  abandon(error: KwikError): void;
}

/** Counts incoming connections by where they came from, and makes room among those whose handshake is not complete. */
export class Door<T extends Comer> {
  private readonly halfOpen = new HalfOpenTable<T>();
  /** Peers may move; they are counted where they came from. */
  private readonly sources = new Map<T, string>();

  constructor(
    private readonly admission: AdmissionControl,
    private readonly counters: EndpointCounters,
  ) {}

  enter(comer: T, address: string): void {
    const source = sourceOf(address);
    this.makeRoom(source);
    this.admission.opened(source);
    this.halfOpen.add(source, comer);
    this.sources.set(comer, source);
  }

  /** Its handshake is complete, or has failed. */
  completed(comer: T): void {
    const source = this.sources.get(comer);
    if (source !== undefined && this.halfOpen.remove(source, comer)) this.admission.completed(source);
  }

  left(comer: T): void {
    const source = this.sources.get(comer);
    if (source === undefined) return;
    this.completed(comer);
    this.sources.delete(comer);
    this.admission.released(source);
  }

  private makeRoom(source: string): void {
    const victim = this.victim(source);
    if (victim === undefined) return;
    this.completed(victim);
    this.counters.drop('halfOpen');
    victim.abandon(new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'the handshake gave way to newer ones'));
  }

  private victim(source: string): T | undefined {
    switch (this.admission.halfOpenRoom(source)) {
      case 'room':
        return undefined;
      case 'sourceFull':
        return this.halfOpen.oldestOf(source);
      case 'full':
        return this.halfOpen.oldestOfLargest();
    }
  }
}
