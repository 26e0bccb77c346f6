import type { KcpBody } from '@kwik/kcp';
import type { PathId } from '@kwik/wire';

/** A path whose server has not answered the hello: what it is sent meanwhile saves a round trip. */
export interface OpeningPath {
  readonly id: PathId;
  readonly rttMs: number;
  send(body: KcpBody): void;
}
