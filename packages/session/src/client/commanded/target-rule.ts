import { KwikError, type AccessControl } from '@kwik/wire';
import { type AddressScope, scopeOf } from './address-scope.js';

/** Kinds of addresses that an application may allow to every primary. */
export type LocalScope = 'loopback' | 'link-local' | 'private';

/** What of a client's trust says so. */
interface NamingTrust {
  readonly namedBy?: string;
  readonly allowTargets?: readonly LocalScope[];
}

/**
 * What a primary may name, by where it is itself. It gets a client to send nothing to where it could not send by itself: a
 * primary in the Internet names no address of the client's network, one of that network none of the client's own machine.
 * Link-local addresses, where clouds keep the credentials of their machines, are for primaries of the same link alone.
 */
const REACH: Readonly<Record<AddressScope, readonly AddressScope[]>> = {
  public: ['public'],
  private: ['public', 'private'],
  'link-local': ['public', 'private', 'link-local'],
  loopback: ['public', 'private', 'loopback'],
  unusable: ['public'],
};

/**
 * The rule of access that holds for every client: where a primary may send it. `resource`: the numeric address that is dialled,
 * what a name resolved to; `peer`: the primary's.
 */
function targetRule(allowed: readonly LocalScope[]): AccessControl {
  return {
    decide: ({ resource: target = '', peer: primary = '' }) => {
      const scope = scopeOf(target);
      if (REACH[scopeOf(primary)].includes(scope) || allowed.some((one) => one === scope)) {
        return { allowed: true, rule: 'targets', limits: {} };
      }
      const what =
        scope === 'unusable' ? 'is no address of a server' : `is a ${scope} address, and the primary is elsewhere`;
      const advice = scope === 'unusable' ? '' : `; allow it with allowTargets: ['${scope}']`;
      return { allowed: false, rule: 'targets', reason: `${target} ${what}${advice}` };
    },
  };
}

/** Of the addresses of a server that the peer at `namedBy` named, those that it may name; undefined where nobody named it. */
export function namedTargets({ namedBy, allowTargets = [] }: NamingTrust = {}):
  | ((addresses: readonly string[]) => Promise<readonly string[]>)
  | undefined {
  if (namedBy === undefined) return undefined;
  return async (addresses) => {
    for (const address of addresses) requireTarget(address, namedBy, allowTargets);
    return Promise.resolve(addresses);
  };
}

/** Throws ERR_KWIK_PERMISSION_DENIED unless the rule lets a primary at `primary` have its client dial `target`; both numeric. */
export function requireTarget(target: string, primary: string, allowed: readonly LocalScope[]): void {
  const decision = targetRule(allowed).decide({ action: 'dial', resource: target, peer: primary, nowMs: 0 });
  if (!decision.allowed) throw new KwikError('ERR_KWIK_PERMISSION_DENIED', decision.reason);
}
