import { KwikError } from '@kwik/wire';
import { type AddressScope, scopeOf } from './address-scope.js';

/** Kinds of addresses that an application may allow to every primary. */
export type LocalScope = 'loopback' | 'link-local' | 'private';

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
 * Throws ERR_KWIK_PERMISSION_DENIED unless a primary at `primary` may have its client dial `target`. Both are numeric: what
 * a name resolved to, and exactly what is dialled then.
 */
export function requireTarget(target: string, primary: string, allowed: readonly LocalScope[]): void {
  const scope = scopeOf(target);
  if (REACH[scopeOf(primary)].includes(scope) || allowed.some((one) => one === scope)) return;
  const what =
    scope === 'unusable' ? 'is no address of a server' : `is a ${scope} address, and the primary is elsewhere`;
  const advice = scope === 'unusable' ? '' : `; allow it with allowTargets: ['${scope}']`;
  throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `${target} ${what}${advice}`);
}
