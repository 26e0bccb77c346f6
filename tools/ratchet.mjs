/** `pnpm ratchet`: lowers the committed sizes of oversized files and functions to what they are now. */
import { tightenRatchet } from './checks/size.mjs';
import { ROOT } from './lib/workspace.mjs';

tightenRatchet(ROOT);
