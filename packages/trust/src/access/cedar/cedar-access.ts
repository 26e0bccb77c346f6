import { randomUUID } from 'node:crypto';
import {
  checkArgument,
  KwikError,
  optionRules,
  type AccessControl,
  type AccessDecision,
  type AccessLimits,
  type AccessRequest,
} from '@kwik/wire';
import { z } from 'zod';
import type { AccessCounts } from '../access-policy.js';
import type { CedarEngine, CedarFailure } from './cedar-engine.js';
import { CEDAR_SCHEMA, cedarCall } from './cedar-request.js';
import { limitsOf, strictest } from './cedar-limits.js';

export interface CedarPolicies {
  /** Text in Cedar's language, of policies without templates. */
  readonly policies: string;
  /** Identities by the name of their group. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
}

const MAX_POLICIES = 1000;
const MAX_POLICY_CHARACTERS = 1024 * 1024;
const MAX_MEMBERS = 100_000;
const NO_RULE = 'default';
/** A group that is one text, and no list, would be a group of its letters. */
const POLICIES = z.strictObject({
  policies: z.string(),
  groups: z.record(z.string(), z.array(z.string())).optional(),
});

const ENGINE = optionRules.objectWith(
  'policySetTextToParts',
  'policyToJson',
  'validate',
  'preparsePolicySet',
  'statefulIsAuthorized',
);

interface Loaded {
  readonly limits: ReadonlyMap<string, AccessLimits>;
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

/**
 * Access control by policies in Cedar. What no policy permits is refused, what one forbids as well, and so is what a policy
 * could not be evaluated for: Cedar itself would leave that policy out, also where it forbids. The name of a rule is the policy's
 * annotation `@id`, or else `policy0` and so on. Permits may have limits as annotations: `@bytes`, `@bytesPerSecond`, `@until`,
 * `@relayOnly`; of several that fit the strictest hold.
 */
export class CedarAccess implements AccessControl {
  readonly #engine: CedarEngine;
  /** Cedar keeps sets of policies by name, for all who use the module. */
  readonly #id = `kwik-${randomUUID()}`;
  readonly #counts = new Map<string, { allowed: number; refused: number }>();
  #loaded: Loaded;

  /**
   * `engine`: `import * as engine from '@cedar-policy/cedar-wasm/nodejs'`. Throws ERR_KWIK_INVALID_ARGUMENT for policies that
   * cannot be read, or speak of what there is not.
   */
  constructor(engine: CedarEngine, policies: CedarPolicies) {
    checkArgument('CedarAccess', 'engine', engine, ENGINE);
    this.#engine = engine;
    this.#loaded = this.#load(policies);
  }

  /** From now on these hold; when they cannot be, it throws as the constructor does, and those of before hold on. */
  replace(policies: CedarPolicies): void {
    this.#loaded = this.#load(policies);
    this.#counts.clear();
  }

  /** By the name of the rule; `default`: refused because no policy permits it. */
  get counts(): ReadonlyMap<string, AccessCounts> {
    return this.#counts;
  }

  decide(request: AccessRequest): AccessDecision {
    const decision = this.#decide(request);
    const count = this.#counts.get(decision.rule) ?? { allowed: 0, refused: 0 };
    if (decision.allowed) count.allowed++;
    else count.refused++;
    this.#counts.set(decision.rule, count);
    return decision;
  }

  #decide(request: AccessRequest): AccessDecision {
    const { action, identity = 'nobody in particular', resource } = request;
    const wanted = resource === undefined ? action : `${action} ${resource}`;
    const answer = this.#ask(request);
    if (answer.type === 'failure') {
      return { allowed: false, rule: NO_RULE, reason: `Cedar could not decide: ${messageOf(answer)}` };
    }
    const { decision, diagnostics } = answer.response;
    const [error] = diagnostics.errors;
    if (error !== undefined) {
      const reason = `rule '${error.policyId}' could not be evaluated: ${error.error.message}`;
      return { allowed: false, rule: error.policyId, reason };
    }
    const rules = [...diagnostics.reason].sort();
    if (decision === 'deny' && rules[0] !== undefined) {
      return { allowed: false, rule: rules[0], reason: `rule '${rules[0]}' forbids ${identity} to ${wanted}` };
    }
    const limitsOfRule = (name: string): AccessLimits => this.#loaded.limits.get(name) ?? {};
    const holding = rules.filter((name) => request.nowMs < (limitsOfRule(name).untilMs ?? Infinity));
    if (decision === 'deny' || holding[0] === undefined) {
      return { allowed: false, rule: NO_RULE, reason: `no rule lets ${identity} ${wanted}` };
    }
    return { allowed: true, rule: holding[0], limits: strictest(holding.map(limitsOfRule)) };
  }

  /** What the engine cannot read (a lone surrogate in a name, say) is refused like what it cannot decide. */
  #ask(request: AccessRequest): ReturnType<CedarEngine['statefulIsAuthorized']> {
    try {
      const call = cedarCall(request, this.#id, (one) => this.#loaded.groups.get(one) ?? []);
      return this.#engine.statefulIsAuthorized(call);
    } catch (error) {
      return { type: 'failure', errors: [{ message: error instanceof Error ? error.message : String(error) }] };
    }
  }

  #load(given: CedarPolicies): Loaded {
    // The engine is WebAssembly: what is no text to it may end it for all who use it.
    const checked = POLICIES.safeParse(given);
    if (!checked.success) throw unusable(z.prettifyError(checked.error));
    const { policies, groups = {} } = checked.data;
    if (policies.length > MAX_POLICY_CHARACTERS)
      throw unusable(`they have more than ${MAX_POLICY_CHARACTERS} characters`);
    const parts = succeeded(this.#engine.policySetTextToParts(policies));
    if (parts.policy_templates.length > 0) throw unusable('they have templates');
    if (parts.policies.length > MAX_POLICIES) throw unusable(`they are more than ${MAX_POLICIES}`);
    const texts = new Map<string, string>();
    const limits = new Map<string, AccessLimits>();
    for (const [at, text] of parts.policies.entries()) {
      const { annotations = {}, effect } = succeeded(this.#engine.policyToJson(text)).json;
      const name = annotations['id'] ?? `policy${at}`;
      if (name === NO_RULE || texts.has(name)) {
        throw unusable(`rules have names of their own, and none is '${NO_RULE}': ${name}`);
      }
      texts.set(name, text);
      limits.set(name, limitsOf(name, effect, annotations));
    }
    const set = { staticPolicies: Object.fromEntries(texts) };
    const [fault] = succeeded(this.#engine.validate({ schema: CEDAR_SCHEMA, policies: set })).validationErrors;
    if (fault !== undefined) throw unusable(`rule '${fault.policyId}': ${fault.error.message}`);
    const members = membersOf(groups);
    succeeded(this.#engine.preparsePolicySet(this.#id, set));
    return { limits, groups: members };
  }
}

function membersOf(groups: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let members = 0;
  for (const [group, identities] of Object.entries(groups)) {
    members += identities.length;
    if (members > MAX_MEMBERS) throw unusable(`their groups have more than ${MAX_MEMBERS} members`);
    for (const identity of new Set(identities)) {
      const groupsOf = found.get(identity);
      if (groupsOf === undefined) found.set(identity, [group]);
      else groupsOf.push(group);
    }
  }
  return found;
}

function succeeded<T extends { readonly type: 'success' }>(answer: T | CedarFailure): T {
  if (answer.type === 'failure') throw unusable(messageOf(answer));
  return answer;
}

function messageOf({ errors }: CedarFailure): string {
  return errors.map(({ message }) => message).join('; ') || 'no reason is given';
}

function unusable(why: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `the Cedar policies cannot be used: ${why}`);
}
