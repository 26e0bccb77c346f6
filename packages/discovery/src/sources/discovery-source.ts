import type { DiscoverySnapshot } from '@kwik/wire';

/** A way to find the servers of one service. */
export interface DiscoverySource {
  /** Of the source, for people: `dns-sd`, `list`, … */
  readonly name: string;
  /**
   * Yields what is known, and again whenever it changes, until `signal` is aborted. Ends by throwing when it fails; it is
   * then asked again after a while, and what it said before stays, marked stale.
   */
  watch(signal: AbortSignal): AsyncIterable<DiscoverySnapshot>;
}
