import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { REPORTS, reportDifferences, writeReports } from '../lib/api-reports.mjs';
import { fromProblems } from '../lib/result.mjs';

/**
 * What the packages offer is what was reviewed: `etc/` has a report of each entry point, and a change shows in the diff.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkApi(root) {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const now = mkdtempSync(join(root, '.tmp', 'api-now-'));
  try {
    const names = writeReports(root, now);
    const differences = reportDifferences(join(root, REPORTS), now);
    const hint = differences.length === 0 ? [] : ['Run `pnpm api`, and look at the diff: it is what users will meet.'];
    return fromProblems([...differences, ...hint], `${names.length} entry points`);
  } finally {
    rmSync(now, { recursive: true, force: true });
  }
}
