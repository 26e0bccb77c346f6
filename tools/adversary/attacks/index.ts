import type { Attack } from '../attack.js';
import { engineMemory } from './engine-memory.js';
import { fileServer } from './file-server.js';
import { forgedContent } from './forged-content.js';
import { halfOpen } from './half-open.js';
import { impostors } from './impostors.js';
import { packetsFromNobody } from './nobody.js';
import { relays } from './relays.js';
import { retiredIds } from './retired-ids.js';
import { scanningPrimary } from './scanning-primary.js';
import { sessionCosts } from './session-costs.js';

export const ATTACKS: readonly Attack[] = [
  ...forgedContent,
  ...impostors,
  scanningPrimary,
  ...packetsFromNobody,
  ...engineMemory,
  retiredIds,
  ...sessionCosts,
  ...fileServer,
  ...relays,
  halfOpen,
];
