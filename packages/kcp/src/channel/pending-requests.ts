import type { KcpBody } from './kcp-body.js';

/** A request that was sent, or waits to be, and has no answer yet. */
export interface PendingRequest {
  /** What `request` returned. */
  readonly requestId: bigint;
  readonly kind: KcpBody['$case'];
  readonly startedMs: number;
  readonly deadlineMs: number;
  /** Id of the message on the wire; undefined while it waits in the queue. */
  wireId: bigint | undefined;
}

/** The requests of one channel that wait for an answer, found by request id and by id on the wire. */
export class PendingRequests {
  readonly #byRequestId = new Map<bigint, PendingRequest>();
  readonly #byWireId = new Map<bigint, PendingRequest>();
  /** The first deadline; undefined when it must be looked for again. */
  #earliestMs: number | undefined;

  get size(): number {
    return this.#byRequestId.size;
  }

  add(request: PendingRequest): void {
    this.#byRequestId.set(request.requestId, request);
    if (this.size === 1) this.#earliestMs = request.deadlineMs;
    else if (this.#earliestMs !== undefined) this.#earliestMs = Math.min(this.#earliestMs, request.deadlineMs);
  }

  /** The request left the queue as message `wireId`. Nothing happens when its deadline has passed already. */
  sent(requestId: bigint, wireId: bigint): void {
    const request = this.#byRequestId.get(requestId);
    if (request === undefined) return;
    request.wireId = wireId;
    this.#byWireId.set(wireId, request);
  }

  find(wireId: bigint): PendingRequest | undefined {
    return this.#byWireId.get(wireId);
  }

  remove(request: PendingRequest): void {
    this.#byRequestId.delete(request.requestId);
    if (request.wireId !== undefined) this.#byWireId.delete(request.wireId);
    if (request.deadlineMs === this.#earliestMs) this.#earliestMs = undefined;
  }

  /** Milliseconds on the caller's clock when the first deadline passes. */
  nextDeadlineMs(): number | undefined {
    if (this.size === 0) return undefined;
    if (this.#earliestMs === undefined) {
      let earliest = Infinity;
      for (const request of this.#byRequestId.values()) earliest = Math.min(earliest, request.deadlineMs);
      this.#earliestMs = earliest;
    }
    return this.#earliestMs;
  }

  /** Takes out those whose deadline has passed, the earliest first. */
  takeOverdue(now: number): PendingRequest[] {
    const earliest = this.nextDeadlineMs();
    if (earliest === undefined || now < earliest) return [];
    const overdue = [...this.#byRequestId.values()].filter((request) => request.deadlineMs <= now);
    for (const request of overdue) this.remove(request);
    // Stable: equal deadlines keep the order in which they were requested.
    return overdue.sort((a, b) => a.deadlineMs - b.deadlineMs);
  }
}
