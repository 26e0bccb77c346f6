import type { Part } from '../part.js';
import { aggregate } from './aggregate.js';
import { driver } from './driver.js';
import { session } from './session.js';

/** All parts, in the order in which they run and are listed. */
export const PARTS: readonly Part[] = [driver, session, aggregate];
