/**
 * `pnpm scaling`: what the scaling engine of sessions does with demand of several shapes, on virtual time, against a fixed number
 * of paths. docs/scaling.md has the figures and says what they mean.
 */
import { ScalingEngine } from '../packages/session/src/core/policy/scaling/scaling-engine.js';

/** Each path carries so much, megabytes per second, and an added one is there after so long. */
const EACH = 2.5;
const JOIN_SECONDS = 2;
const MAX_PATHS = 8;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const PRICE_PER_GB = 0.05;

/** Demand in paths, by the second. @type {Record<string, { seconds: number, demand: (second: number) => number }>} */
const SCENARIOS = {
  steps: { seconds: 2 * HOUR, demand: (t) => [0.5, 3.5, 1.5, 5.5][Math.floor(t / (10 * MINUTE)) % 4] ?? 0 },
  ramps: { seconds: 2 * HOUR, demand: (t) => 0.3 + 5 * (1 - Math.abs(((t / (30 * MINUTE)) % 2) - 1)) },
  days: { seconds: 4 * DAY, demand: (t) => Math.max(0.2, 3 - 3 * Math.cos((2 * Math.PI * t) / DAY)) * 0.9 },
  'flash crowd': { seconds: 2 * HOUR, demand: (t) => (t > HOUR && t < HOUR + 5 * MINUTE ? 6 : 0.6) },
  noise: { seconds: 2 * HOUR, demand: (t) => 1 + 0.5 * Math.sin(t) + 0.5 * Math.sin(t / 7.3) },
};

process.stdout.write('| demand | paths | delivered | path-hours | of a fixed 8 | cost | changes |\n');
process.stdout.write('| --- | --- | --- | --- | --- | --- | --- |\n');
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  for (const fixed of [0, 1, 2, 4, MAX_PATHS]) process.stdout.write(rowOf(name, scenario, fixed));
}

/**
 * @param {string} name
 * @param {{ seconds: number, demand: (second: number) => number }} scenario
 * @param {number} fixed paths; 0: as the engine decides
 */
function rowOf(name, { seconds, demand }, fixed) {
  const candidates = Array.from({ length: MAX_PATHS - 1 }, (_, index) => ({ address: `server-${index + 1}:1` }));
  const engine = new ScalingEngine({ candidates, maxPaths: MAX_PATHS });
  /** @type {Map<number, { address: string, carriedBytes: number }>} */
  const paths = new Map();
  for (let id = 0; id < Math.max(1, fixed); id++) paths.set(id, { address: `first-${id}:1`, carriedBytes: 0 });
  let [wanted, carried, pathSeconds, secondaryBytes, changes, nextId] = [0, 0, 0, 0, 0, 100];
  /** @type {{ at: number, action: any } | undefined} */
  let due;
  for (let second = 0; second < seconds; second++) {
    if (due !== undefined && second >= due.at) {
      const { action } = due;
      due = undefined;
      changes++;
      if (action.kind === 'remove') {
        paths.delete(action.pathId);
        engine.removed(second * 1000);
      } else {
        paths.set(nextId, { address: action.candidate.address, carriedBytes: 0 });
        engine.added(nextId++, second * 1000);
      }
    }
    const want = demand(second) * EACH * 1e6;
    const capacity = paths.size * EACH * 1e6;
    const got = Math.min(want, capacity);
    for (const path of paths.values()) path.carriedBytes += got / paths.size;
    wanted += want;
    carried += got;
    pathSeconds += paths.size;
    secondaryBytes += (got * (paths.size - 1)) / paths.size;
    if (fixed > 0) continue;
    const measured = [...paths].map(([id, path]) => ({ id, ...path }));
    const input = { paths: measured, unmetBytesPerSecond: want - got };
    const action = engine.tick(input, second * 1000, second * 1000);
    if (action.kind !== 'keep') due = { at: second + JOIN_SECONDS, action };
  }
  const hours = pathSeconds / HOUR;
  const share = pathSeconds / (MAX_PATHS * seconds);
  const cost = (secondaryBytes / 1e9) * PRICE_PER_GB;
  const what = fixed === 0 ? 'scaled' : `${fixed} fixed`;
  const figures = [percent(carried / wanted), hours.toFixed(1), percent(share), cost.toFixed(2), String(changes)];
  return `| ${name} | ${what} | ${figures.join(' | ')} |\n`;
}

/** @param {number} share */
function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}
