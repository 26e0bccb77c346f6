import { proto } from '@kwik/wire';

/**
 * The life of a path as its owner sees it.
 *
 * | state | meaning |
 * |---|---|
 * | connecting | the connection is being set up |
 * | validating | connected; hello, token and proof are being checked |
 * | active | carries anything |
 * | degraded | carries data, but slower or lossier than it should be |
 * | suspected | silent for longer than its round trip explains; its data is fetched elsewhere, probes are out |
 * | draining | takes nothing new, finishes what is on its way |
 * | suspended | healthy, set aside on purpose |
 * | dead | gone; kept for the record |
 * | recovering | dead before; the connection is being set up again |
 */
export type PathState =
  | 'connecting'
  | 'validating'
  | 'active'
  | 'degraded'
  | 'suspected'
  | 'draining'
  | 'dead'
  | 'recovering'
  | 'suspended';

const TO_PROTO: Readonly<Record<PathState, proto.PathState>> = {
  connecting: proto.PathState.CONNECTING,
  validating: proto.PathState.VALIDATING,
  active: proto.PathState.ACTIVE,
  degraded: proto.PathState.DEGRADED,
  suspected: proto.PathState.SUSPECTED,
  draining: proto.PathState.DRAINING,
  dead: proto.PathState.DEAD,
  recovering: proto.PathState.RECOVERING,
  suspended: proto.PathState.SUSPENDED,
};

/** All states, in the order of a path's usual life. */
export const PATH_STATES: readonly PathState[] = Object.keys(TO_PROTO) as PathState[];

export function toProtoPathState(state: PathState): proto.PathState {
  return TO_PROTO[state];
}

/** `undefined` for "unspecified" and for numbers of a newer version: the enum is open on the wire. */
export function fromProtoPathState(value: number): PathState | undefined {
  return PATH_STATES.find((state) => TO_PROTO[state] === value);
}
