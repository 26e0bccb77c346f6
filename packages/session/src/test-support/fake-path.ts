import type { KcpBody } from '@kwik/kcp';
import { PathMachine } from '@kwik/paths';
import { toPathId, type KwikError, type PathId } from '@kwik/wire';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import type { ConnectedPath, PathFigures } from '../runtime/paths/path-registry.js';

const NOTHING: PathFigures = {
  rttMs: 0,
  deliveryRateBytesPerSecond: 0,
  sentBytes: 0,
  receivedBytes: 0,
  duplicateBytes: 0,
  lostPackets: 0,
};

/** A path of a client that remembers what it was told to send, and carries nothing. */
export class FakePath implements ConnectedPath {
  readonly id: PathId;
  readonly address = '192.0.2.1:1';
  readonly serverId = undefined;
  readonly machine = new PathMachine(0);
  /** The kinds of the messages. */
  readonly sent: string[] = [];
  death: KwikError | undefined;
  /** What follows from its death. */
  onDead = (): void => undefined;

  /** Path 0 is that to the primary, as are further ones of the client. */
  constructor(id = 1) {
    this.id = toPathId(id);
  }

  get primary(): boolean {
    return this.id === 0 || this.id >= FIRST_CLIENT_PATH_ID;
  }

  drain(): boolean {
    return true;
  }

  send(body: KcpBody): void {
    this.sent.push(body.$case);
  }

  die(error: KwikError): void {
    if (this.death !== undefined) return;
    this.death = error;
    this.onDead();
  }

  figures(): PathFigures {
    return NOTHING;
  }
}
