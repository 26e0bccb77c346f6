import { isIP } from 'node:net';
import type { AccessRequest } from '@kwik/wire';
import { bareAddress, hostOf } from '../networks.js';
import type { CedarCall, CedarEntity, CedarId, CedarValue } from './cedar-engine.js';

/** What policies may speak of; they are checked against it when they are loaded, so that a slip is no rule that never fits. */
export const CEDAR_SCHEMA = `
entity Group;
entity Identity in [Group] { name: String };
entity Anonymous;
entity Server { name: String };
entity Content { name: String };
entity Target { name: String, ip?: ipaddr };
action open, join, query appliesTo {
  principal: [Identity, Anonymous], resource: [Server],
  context: { now: datetime, peer?: ipaddr, server?: String, session?: String }
};
action content appliesTo {
  principal: [Identity, Anonymous], resource: [Content],
  context: { now: datetime, peer?: ipaddr, server?: String, session?: String }
};
action forward, dial appliesTo {
  principal: [Identity, Anonymous], resource: [Target],
  context: { now: datetime, peer?: ipaddr, server?: String, session?: String }
};
`;

/** A request as Cedar has it. `groupsOf`: the groups of an identity. */
export function cedarCall(
  request: AccessRequest,
  preparsedPolicySetId: string,
  groupsOf: (identity: string) => readonly string[],
): CedarCall {
  const { action, identity, peer, server, sessionId, nowMs } = request;
  const ip = peer === undefined ? undefined : ipValue(peer);
  const principal = principalOf(identity, groupsOf);
  const resource = resourceOf(request);
  return {
    principal: principal.uid,
    action: { type: 'Action', id: action },
    resource: resource.uid,
    context: {
      now: { __extn: { fn: 'datetime', arg: new Date(nowMs).toISOString() } },
      ...(ip !== undefined && { peer: ip }),
      ...(server !== undefined && { server }),
      ...(sessionId !== undefined && { session: sessionId }),
    },
    preparsedPolicySetId,
    entities: [principal, resource],
  };
}

function principalOf(identity: string | undefined, groupsOf: (identity: string) => readonly string[]): CedarEntity {
  if (identity === undefined) return { uid: { type: 'Anonymous', id: 'anybody' }, attrs: {}, parents: [] };
  const parents = groupsOf(identity).map((id) => ({ type: 'Group', id }));
  return { uid: { type: 'Identity', id: identity }, attrs: { name: identity }, parents };
}

function resourceOf({ action, resource = '', server = '' }: AccessRequest): CedarEntity {
  switch (action) {
    case 'open':
    case 'join':
    case 'query':
      return named({ type: 'Server', id: server });
    case 'content':
      return named({ type: 'Content', id: resource });
    case 'forward':
    case 'dial': {
      const ip = ipValue(hostOf(resource));
      return named({ type: 'Target', id: resource }, ip === undefined ? {} : { ip });
    }
  }
}

function named(uid: CedarId, attrs: Record<string, CedarValue> = {}): CedarEntity {
  return { uid, attrs: { name: uid.id, ...attrs }, parents: [] };
}

/** Undefined for what is no address. */
function ipValue(address: string): CedarValue | undefined {
  const bare = bareAddress(address);
  return isIP(bare) === 0 ? undefined : { __extn: { fn: 'ip', arg: bare } };
}
