/** What is used of `@cedar-policy/cedar-wasm` (4.13): the caller loads it, and hands over the module as it is. */
export interface CedarEngine {
  policySetTextToParts(
    text: string,
  ): { readonly type: 'success'; readonly policies: string[]; readonly policy_templates: string[] } | CedarFailure;
  policyToJson(policy: string): { readonly type: 'success'; readonly json: CedarPolicy } | CedarFailure;
  validate(call: { schema: string; policies: CedarPolicySet }):
    | {
        readonly type: 'success';
        readonly validationErrors: { readonly policyId: string; readonly error: CedarError }[];
      }
    | CedarFailure;
  preparsePolicySet(id: string, policies: CedarPolicySet): { readonly type: 'success' } | CedarFailure;
  statefulIsAuthorized(call: CedarCall): { readonly type: 'success'; readonly response: CedarResponse } | CedarFailure;
}

interface CedarError {
  readonly message: string;
}

export interface CedarFailure {
  readonly type: 'failure';
  readonly errors: CedarError[];
}

interface CedarPolicy {
  readonly effect: 'permit' | 'forbid';
  readonly annotations?: Record<string, string>;
}

interface CedarPolicySet {
  staticPolicies: Record<string, string>;
}

interface CedarResponse {
  readonly decision: 'allow' | 'deny';
  readonly diagnostics: {
    readonly reason: string[];
    readonly errors: { readonly policyId: string; readonly error: CedarError }[];
  };
}

export interface CedarId {
  type: string;
  id: string;
}

export type CedarValue = string | { __extn: { fn: string; arg: string } };

export interface CedarEntity {
  uid: CedarId;
  attrs: Record<string, CedarValue>;
  parents: CedarId[];
}

export interface CedarCall {
  principal: CedarId;
  action: CedarId;
  resource: CedarId;
  context: Record<string, CedarValue>;
  preparsedPolicySetId: string;
  entities: CedarEntity[];
}
