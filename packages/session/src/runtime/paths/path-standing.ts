import type { PathStanding } from '../../core/data/data-path.js';
import type { PathRuntime } from './path-runtime.js';

/** What the data plane is told of a path: how far it is to be used. */
export function standingOf({ machine, stalled, settling }: PathRuntime): PathStanding {
  const { state } = machine;
  switch (state) {
    case 'suspected':
    case 'draining':
    case 'suspended':
      return state;
    default:
      if (stalled) return 'suspected';
      return settling ? 'settling' : 'active';
  }
}
