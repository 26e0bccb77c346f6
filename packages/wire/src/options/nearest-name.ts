import type { GroupRule } from './option-rule.js';

/** Of the letters of a name, so many may be wrong: one in three, and two where the name is short. */
const WRONG_SHARE = 1 / 3;
const MIN_WRONG = 2;
/** Among equals, the one of the same group wins. */
const OTHER_GROUP = 0.5;

/** The path of the option that is spelled most like `path`, in whatever group it is; undefined when none is near. */
export function nearestName(path: string, rules: GroupRule): string | undefined {
  const wanted = split(path);
  let nearest: string | undefined;
  let least = Math.max(MIN_WRONG, wanted.name.length * WRONG_SHARE) + OTHER_GROUP;
  for (const candidate of pathsOf(rules)) {
    const { parent, name } = split(candidate);
    const distance = editDistance(wanted.name.toLowerCase(), name.toLowerCase());
    const cost = distance + (parent === wanted.parent ? 0 : OTHER_GROUP);
    if (cost > least || (cost === least && nearest !== undefined)) continue;
    nearest = candidate;
    least = cost;
  }
  return nearest;
}

/** Every option, groups included: `trust`, `trust.ca`, … */
function pathsOf({ members }: GroupRule, parent = ''): string[] {
  return Object.entries(members).flatMap(([name, rule]) => {
    const path = parent === '' ? name : `${parent}.${name}`;
    return rule.kind === 'group' ? [path, ...pathsOf(rule, path)] : [path];
  });
}

function split(path: string): { parent: string; name: string } {
  const at = path.lastIndexOf('.');
  return { parent: path.slice(0, Math.max(0, at)), name: path.slice(at + 1) };
}

/** Letters to insert, remove or change so that one becomes the other (Levenshtein). */
function editDistance(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const changed = previous[column - 1]! + (one[row - 1] === other[column - 1] ? 0 : 1);
      current.push(Math.min(changed, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[other.length]!;
}
