import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { answer, type AdminRoute } from '../admin/admin-server.js';
import { PAGE_FOLDER } from '../page-folder.js';

const require = createRequire(import.meta.url);
const pageFile = (name: string): string => join(PAGE_FOLDER, name);

const SCRIPT = 'text/javascript';
const STYLE = 'text/css';

/** The page's own files; nothing is fetched from elsewhere. */
const FILES: Readonly<Record<string, readonly [path: () => string, type: string]>> = {
  '/': [() => pageFile('index.html'), 'text/html'],
  '/icon.svg': [() => pageFile('icon.svg'), 'image/svg+xml'],
  '/style.css': [() => pageFile('style.css'), STYLE],
  '/app.mjs': [() => pageFile('app.mjs'), SCRIPT],
  '/charts.mjs': [() => pageFile('charts.mjs'), SCRIPT],
  '/lists.mjs': [() => pageFile('lists.mjs'), SCRIPT],
  '/past.mjs': [() => pageFile('past.mjs'), SCRIPT],
  '/units.mjs': [() => pageFile('units.mjs'), SCRIPT],
  '/uplot.mjs': [() => require.resolve('uplot/dist/uPlot.esm.js'), SCRIPT],
  '/uplot.css': [() => require.resolve('uplot/dist/uPlot.min.css'), STYLE],
};

export function pageRoutes(): Readonly<Record<string, AdminRoute>> {
  const routes = Object.entries(FILES).map(([path, [file, type]]): [string, AdminRoute] => [
    path,
    async (_request, response) => answer(response, 200, await readFile(file(), 'utf8'), type),
  ]);
  return Object.fromEntries(routes);
}
