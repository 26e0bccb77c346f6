/**
 * How large the packages may be. A package that outgrows its bound is looked at: either it holds what it should not, or the
 * bound is raised here, with the commit that says why.
 *
 * @typedef {object} SizeBudget
 * @property {number} tarballKb What is downloaded, kilobytes of 1,000 bytes.
 */

export const SIZE_BUDGETS = {
  wire: { tarballKb: 90 },
  quic: { tarballKb: 180 },
  kcp: { tarballKb: 75 },
  scheduler: { tarballKb: 25 },
  paths: { tarballKb: 50 },
  discovery: { tarballKb: 120 },
  trust: { tarballKb: 120 },
  telemetry: { tarballKb: 250 },
  session: { tarballKb: 400 },
  socket: { tarballKb: 70 },
  testbed: { tarballKb: 100 },
  cli: { tarballKb: 220 },
};

/** @type {Readonly<Record<string, SizeBudget>>} */
const BY_NAME = SIZE_BUDGETS;

/** For a package without a row of its own. */
const DEFAULT_BUDGET = { tarballKb: 60 };

/**
 * @param {string} name Of the package's folder.
 * @param {number} bytes Of its tarball.
 * @returns {string[]} What is wrong, if anything.
 */
export function sizeProblems(name, bytes) {
  const { tarballKb } = BY_NAME[name] ?? DEFAULT_BUDGET;
  const kb = Math.round(bytes / 1000);
  return kb <= tarballKb ? [] : [`its tarball has ${kb} kB, more than ${tarballKb} (tools/lib/size-budgets.mjs)`];
}
