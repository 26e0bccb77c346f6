/** A process that wants a core for itself as long as its parent lives, and takes half of it beside another one. */
import { answerParent } from '../../harness/child.js';

/** Short enough to hear of the parent's end. */
const BURST_MS = 20;

export const calls = answerParent({});

function spin(): void {
  const end = performance.now() + BURST_MS;
  while (performance.now() < end);
  setImmediate(spin);
}

spin();
