import { fileURLToPath } from 'node:url';

/** What browsers get. The module stands in `src`, and what is built of it in `dist`, at the same depth. */
export const PAGE_FOLDER = fileURLToPath(new URL('../page/', import.meta.url));
