import type { Part } from '../part.js';

/** All parts, in the order in which they run and are listed. */
export const PARTS: readonly Part[] = [];
