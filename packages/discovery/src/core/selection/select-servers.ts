import type { ChosenServer, RejectedServer, SelectionRequest, SelectionResult } from '@kwik/wire';
import { checkRequest, mismatch } from '../registry/query.js';
import type { Candidate } from './candidate.js';
import { costOf } from './cost.js';
import { holds, placeGroups, type PlaceGroup } from './locality.js';
import type { SelectionPolicy } from './policy.js';
import { rendezvousSubset } from './rendezvous.js';
import { twoChoices } from './two-choices.js';

const MAX_REJECTED = 64;

/** Collects the reasons, as many as are kept. */
class Rejections {
  readonly list: RejectedServer[] = [];

  add({ record }: Candidate, reason: string): void {
    if (this.list.length < MAX_REJECTED) this.list.push({ record, reason });
  }
}

/**
 * Chooses servers: those that suit (capabilities, place asked for, draining, trust, health), of these a stable subset of
 * the owner, the nearest first, and among them by the power of two choices. `random`: 0 <= random() < 1. Throws
 * ERR_KWIK_INVALID_ARGUMENT for a request that cannot be, which names the member that is wrong.
 */
export function selectServers(
  candidates: readonly Candidate[],
  request: SelectionRequest,
  policy: SelectionPolicy,
  random: () => number,
  now: number,
): SelectionResult {
  checkRequest('select', request);
  const [unsuitable, unneeded] = [new Rejections(), new Rejections()];
  const notes: string[] = [];
  const suitable = candidates.filter((candidate) => {
    const reason = unsuitability(candidate, request);
    if (reason !== undefined) unsuitable.add(candidate, reason);
    return reason === undefined;
  });
  const usable = healthyOf(suitable, policy, unsuitable, notes);
  const chosen: ChosenServer[] = [];
  const groups = placeGroups(usable, policy);
  for (const [index, group] of groups.entries()) {
    const wanted = request.count - chosen.length - keptForLater(request, group, groups.slice(index + 1));
    if (wanted <= 0) {
      for (const candidate of group.candidates)
        unneeded.add(candidate, `not needed: nearer servers do (${group.name})`);
      continue;
    }
    const pool = subsetOf(group.candidates, policy, unneeded);
    // A group that is short of servers, or has too much to do, leaves a share to the next.
    const share = holds(group, wanted, policy)
      ? wanted
      : Math.min(pool.length, spillShare(group.candidates, wanted, policy));
    const picks = twoChoices(pool, share, (candidate) => costOf(candidate, policy, now), random);
    for (const { item, over } of picks) {
      chosen.push({ record: item.record, reason: reasonFor(item, over, group.name, policy, now) });
    }
    const taken = new Set(picks.map(({ item }) => item));
    for (const candidate of pool) if (!taken.has(candidate)) unneeded.add(candidate, leftOver(candidate, policy, now));
  }
  const rejected = [...unneeded.list, ...unsuitable.list].slice(0, MAX_REJECTED);
  return { chosen: topUp(chosen, request, usable, policy), rejected, notes };
}

/** Whoever wants servers that do not fail together leaves half of them to places further away, of the same priority. */
function keptForLater(
  { apart = false, count }: SelectionRequest,
  { priority }: PlaceGroup,
  later: readonly PlaceGroup[],
): number {
  if (!apart) return 0;
  const there = later.reduce((sum, group) => sum + (group.priority === priority ? group.candidates.length : 0), 0);
  return Math.min(there, Math.floor(count / 2));
}

function unsuitability({ record, refused }: Candidate, request: SelectionRequest): string | undefined {
  if (refused !== undefined) return `not trusted: ${refused}`;
  if (!record.accepting) return 'drains: it takes nobody new';
  return mismatch(record, request);
}

function healthyOf(
  suitable: readonly Candidate[],
  { panicShare }: SelectionPolicy,
  unsuitable: Rejections,
  notes: string[],
): readonly Candidate[] {
  const healthy = suitable.filter(({ ejected }) => ejected === undefined);
  if (healthy.length === suitable.length) return suitable;
  if (healthy.length < suitable.length * panicShare) {
    notes.push(`only ${healthy.length} of ${suitable.length} servers are healthy: all are used, whatever their health`);
    return suitable;
  }
  for (const candidate of suitable) {
    if (candidate.ejected !== undefined) unsuitable.add(candidate, `put out: ${candidate.ejected}`);
  }
  return healthy;
}

function subsetOf(candidates: readonly Candidate[], policy: SelectionPolicy, unneeded: Rejections): Candidate[] {
  const weighted = candidates.map((candidate) => ({ key: candidate.key, weight: candidate.record.weight, candidate }));
  const subset = rendezvousSubset(weighted, policy.owner, policy.subsetSize).map(({ candidate }) => candidate);
  if (subset.length < candidates.length) {
    const inside = new Set(subset);
    for (const candidate of candidates)
      if (!inside.has(candidate)) unneeded.add(candidate, 'not in the subset of this client');
  }
  return subset;
}

/** Of a group that does not hold: what it takes by the room that it has below the spill load, one at least. */
function spillShare(candidates: readonly Candidate[], wanted: number, { spillLoad }: SelectionPolicy): number {
  const load = candidates.reduce((sum, { record }) => sum + (record.load ?? 0), 0) / candidates.length;
  return load <= spillLoad ? wanted : Math.max(1, Math.floor(wanted * (spillLoad / load) ** 2));
}

/** Where no later group had what an earlier one left: the earlier one, loaded as it is, is better than nothing. */
function topUp(
  chosen: readonly ChosenServer[],
  { count }: SelectionRequest,
  usable: readonly Candidate[],
  { subsetSize }: SelectionPolicy,
): readonly ChosenServer[] {
  if (chosen.length >= Math.min(count, usable.length, subsetSize)) return chosen;
  const taken = new Set(chosen.map(({ record }) => record));
  const more = usable.filter(({ record }) => !taken.has(record)).slice(0, count - chosen.length);
  return [...chosen, ...more.map(({ record }) => ({ record, reason: 'loaded, and no other is left' }))];
}

function reasonFor(
  item: Candidate,
  over: Candidate | undefined,
  place: string,
  policy: SelectionPolicy,
  now: number,
): string {
  const facts = [place, figures(item, policy, now)];
  if (over !== undefined) facts.push(`better than ${nameOf(over)} (${figures(over, policy, now)})`);
  else facts.push('the only one of its kind');
  return facts.join('; ');
}

function leftOver(candidate: Candidate, policy: SelectionPolicy, now: number): string {
  return `suitable, not needed: ${figures(candidate, policy, now)}`;
}

function figures(candidate: Candidate, policy: SelectionPolicy, now: number): string {
  const { record, rttMs, knownSinceMs } = candidate;
  const parts = [rttMs === undefined ? 'round trip not measured' : `round trip ${rttMs.toFixed(1)} ms`];
  if (record.load !== undefined) parts.push(`load ${Math.round(record.load * 100)} %`);
  if (now - knownSinceMs < policy.slowStartMs) parts.push('new');
  return parts.join(', ');
}

function nameOf({ record }: Candidate): string {
  return record.serverId === '' ? (record.addresses[0] ?? '') : record.serverId;
}
