/** `pnpm layers`: writes the layer tables (tools/lib/layers.mjs) into the page that shows them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LAYERS_PAGE, withLayerTables } from './lib/layer-tables.mjs';
import { ROOT } from './lib/workspace.mjs';

const file = join(ROOT, LAYERS_PAGE);
const page = withLayerTables(readFileSync(file, 'utf8'));
if (page === undefined) throw new Error(`${LAYERS_PAGE} does not say where the layer tables stand`);
writeFileSync(file, page);
