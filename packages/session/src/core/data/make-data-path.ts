import { PRIMARY_PATH_ID, type PathId } from '@kwik/wire';
import type { Natives } from '../natives.js';
import { DataPath, type PathPeer } from './data-path.js';
import { frameRights, linkFrom } from './frame-rights.js';

/** What this end of the session is, and takes. */
export interface OwnEnd {
  readonly role: 'client' | 'primary' | 'secondary';
  readonly pathWindowBytes: number;
  readonly maxPacketBytes: number;
  readonly natives: Natives;
}

/** The data plane of a path to `peer`. */
export function makeDataPath(id: PathId, peer: PathPeer, own: OwnEnd): DataPath {
  const toPeer = own.role !== 'client' || (peer.primary ?? id === PRIMARY_PATH_ID);
  const link = linkFrom(own.role, toPeer);
  return new DataPath(id, {
    windowBytes: own.pathWindowBytes,
    peerWindowBytes: peer.pathWindowBytes,
    maxPacketBytes: own.maxPacketBytes,
    link,
    rights: frameRights(link, peer),
    toPeer,
    compresses: peer.compresses === true,
    natives: own.natives,
  });
}
