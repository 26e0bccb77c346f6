/** A bound of an endpoint that peers can meet. */
export type Bound =
  | 'connections'
  | 'connectionsPerSource'
  | 'halfOpen'
  | 'halfOpenPerSource'
  | 'initialsPerSource'
  | 'answers';

export const BOUND_TEXT: Readonly<Record<Bound, string>> = {
  connections: 'all its connections are taken (maxConnections): further clients are refused',
  connectionsPerSource: 'one source has all the connections that it may have: it is refused more',
  halfOpen: 'too many handshakes are under way: the oldest of the largest source gives way to each new one',
  halfOpenPerSource: 'one source has too many handshakes under way: its oldest gives way to each new one',
  initialsPerSource: 'one source begins too many handshakes a second: the rest is not answered',
  answers: 'too many packets of no connection ask for an answer: the rest gets none',
};

/** As often as one bound is told of. */
const QUIET_MS = 60_000;

/** Tells of each bound when it is met, once a minute at most. */
export class BoundWatch {
  private readonly toldMs = new Map<Bound, number>();

  constructor(private readonly tell: ((bound: Bound, source: string | undefined) => void) | undefined) {}

  met(bound: Bound, source: string | undefined, now: number): void {
    if (now - (this.toldMs.get(bound) ?? -Infinity) < QUIET_MS) return;
    this.toldMs.set(bound, now);
    this.tell?.(bound, source);
  }
}
