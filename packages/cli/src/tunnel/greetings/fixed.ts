import type { HostPort } from '../../address.js';
import type { Greeting } from '../local-listener.js';

/** Nothing is said: every connection leads to the same place. */
export function fixedTarget(target: HostPort): Greeting {
  return { greet: (_socket, connect) => connect(target) };
}
