import type { Feature } from './feature.js';

/** Says that this end lives, to whoever asks. */
export function ping(): Feature {
  return { handlers: { ping: (_path, { sequence }) => ({ $case: 'pong', value: { sequence } }) } };
}
