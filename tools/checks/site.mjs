import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fromProblems } from '../lib/result.mjs';
import { buildSite } from '../site/build.mjs';

/**
 * The site builds: each page is in the side bar, links between pages lead somewhere, and a browser fetches nothing from
 * elsewhere.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkSite(root) {
  const out = join(root, '.tmp', 'site');
  const { problems, pages } = await buildSite(root, out);
  return fromProblems(problems.length > 0 ? problems : outsideResources(out), `${pages} pages, and the API`);
}

/** What a page would load from another host. Links that a reader may follow are none. */
const OUTSIDE = /(?:\ssrc=|<link[^>]+href=|url\(|@import\s)["']?https?:\/\/[^"')\s>]+/g;

/** @param {string} out @returns {string[]} */
export function outsideResources(out) {
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(html|css)$/.test(name));
  return files.flatMap((name) =>
    (readFileSync(join(out, name), 'utf8').match(OUTSIDE) ?? []).map((found) => `${name} loads ${found.trim()}`),
  );
}
