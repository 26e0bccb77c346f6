import type { Candidate } from './candidate.js';
import type { SelectionPolicy } from './policy.js';

type Place = 'same zone' | 'same region' | 'elsewhere';

/** A group of servers that are as good as each other by where they stand. */
export interface PlaceGroup {
  readonly name: string;
  readonly priority: number;
  readonly candidates: readonly Candidate[];
}

const PLACES: readonly Place[] = ['same zone', 'same region', 'elsewhere'];
/** A pair to choose from, so that the nearest server alone does not get everything. */
const MIN_GROUP = 2;

/** In the order of use: by priority first, then by place. */
export function placeGroups(candidates: readonly Candidate[], policy: SelectionPolicy): PlaceGroup[] {
  const groups = new Map<string, { priority: number; place: Place; candidates: Candidate[] }>();
  for (const candidate of candidates) {
    const place = placeOf(candidate, policy);
    const { priority } = candidate.record;
    const name = `${priority} ${place}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { priority, place, candidates: [candidate] });
    else group.candidates.push(candidate);
  }
  return [...groups.values()]
    .sort((one, other) => one.priority - other.priority || PLACES.indexOf(one.place) - PLACES.indexOf(other.place))
    .map((group) => ({
      name: group.priority === 0 ? group.place : `${group.place}, priority ${group.priority}`,
      priority: group.priority,
      candidates: group.candidates,
    }));
}

/** Whether a group takes all that is wanted, or spills over into the next. */
export function holds({ candidates }: PlaceGroup, count: number, { spillLoad }: SelectionPolicy): boolean {
  if (candidates.length < Math.max(count, MIN_GROUP)) return false;
  return candidates.reduce((sum, { record }) => sum + (record.load ?? 0), 0) / candidates.length <= spillLoad;
}

function placeOf({ record }: Candidate, { region, zone }: SelectionPolicy): Place {
  if (zone !== '' && record.zone === zone) return 'same zone';
  if (region !== '' && record.region === region) return 'same region';
  // Who does not know where it stands is as near to one as to another.
  return region === '' && zone === '' ? 'same zone' : 'elsewhere';
}
