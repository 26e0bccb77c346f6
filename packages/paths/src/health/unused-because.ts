import type { PathHealth } from './path-health.js';

/** Why a path of this health gets nothing new while another is available, in words; undefined for one that does. */
export function unusedBecause(health: PathHealth): string | undefined {
  switch (health) {
    case 'active':
    case 'degraded':
      return undefined;
    case 'stalled':
      return 'its flow of data has stopped; what it owes is sent elsewhere until the next packet comes';
    case 'settling':
      return 'it is back from an outage, and QUIC still sends again what was lost in it';
    case 'suspected':
      return 'it does not answer; what it owes is sent elsewhere';
    case 'draining':
      return 'it is being removed and delivers what is under way';
    case 'suspended':
      return 'it was set aside';
    case 'connecting':
    case 'validating':
      return 'it is being connected';
    case 'recovering':
      return 'it was lost and is being connected again';
    case 'dead':
      return 'it is dead';
  }
}
