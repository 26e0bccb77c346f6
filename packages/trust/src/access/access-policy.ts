import {
  checkSpiffePattern,
  isSpiffeUri,
  KwikError,
  type AccessAction,
  type AccessControl,
  type AccessDecision,
  type AccessRequest,
} from '@kwik/wire';
import { z } from 'zod';
import { matchesGlob } from './glob.js';
import { hostOf, isNetwork, Networks } from './networks.js';

const ACTIONS = ['open', 'join', 'content', 'forward', 'dial', 'query'] as const satisfies readonly AccessAction[];
const MAX_RULES = 1000;
const MAX_PATTERNS = 1000;
const MAX_WEIGHT = 1000;

const patterns = z.array(z.string().min(1).max(1024)).min(1).max(MAX_PATTERNS);
const identities = z.array(z.string().min(1).max(2048).superRefine(requireSpiffe)).min(1).max(MAX_PATTERNS);
const networks = z.array(z.string().refine(isNetwork, 'not a network such as 10.0.0.0/8')).min(1).max(MAX_PATTERNS);
const amount = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);

const RULE = z.strictObject({
  name: z.string().min(1).max(64),
  effect: z.enum(['allow', 'deny']).default('allow'),
  /** Identities, with `*`, which a SPIFFE id has in its path alone; one that is only `*` is for those without an identity as well. Default: everybody. */
  who: identities.optional(),
  /** Networks from which they ask. */
  from: networks.optional(),
  may: z.array(z.enum(ACTIONS)).min(1),
  servers: patterns.optional(),
  sessions: patterns.optional(),
  /** Content keys, forward targets or addresses, with `*`. */
  resources: patterns.optional(),
  /** Networks of forward targets and addresses. */
  to: networks.optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  limits: z
    .strictObject({
      bytes: amount.optional(),
      bytesPerSecond: amount.optional(),
      relayOnly: z.boolean().optional(),
      weight: z.number().int().min(1).max(MAX_WEIGHT).optional(),
    })
    .optional(),
});

const POLICY = z.strictObject({ version: z.literal(1), rules: z.array(RULE).max(MAX_RULES) });

/** One that is no id would fit nobody, or, with a `*` in its trust domain, anybody. */
function requireSpiffe(pattern: string, context: z.core.$RefinementCtx<string>): void {
  if (!isSpiffeUri(pattern)) return;
  try {
    checkSpiffePattern(pattern);
  } catch (error) {
    context.addIssue({ code: 'custom', message: KwikError.from(error).message });
  }
}

/** What people write: `{ version: 1, rules: [{ name, may, who?, … }] }`. */
export type AccessPolicyConfig = z.input<typeof POLICY>;
type RuleConfig = z.infer<typeof RULE>;

const NO_RULE = 'default';

export interface AccessCounts {
  readonly allowed: number;
  readonly refused: number;
}

/**
 * A list of who may do what. What no rule allows is refused; a rule with the effect `deny` comes before all that allow; of
 * those the first that fits counts. Decisions take no I/O and are counted by the name of the rule.
 */
export class AccessPolicy implements AccessControl {
  #rules: readonly Rule[] = [];
  readonly #counts = new Map<string, { allowed: number; refused: number }>();

  /** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
  constructor(config: unknown) {
    this.replace(config);
  }

  /** From now on these rules hold; when they cannot be, it throws as the constructor does, and those of before hold on. */
  replace(config: unknown): void {
    const parsed = POLICY.safeParse(config);
    if (!parsed.success) {
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        `the access policy cannot be used: ${z.prettifyError(parsed.error)}`,
      );
    }
    const { rules } = parsed.data;
    const names = new Set(rules.map(({ name }) => name));
    if (names.size < rules.length || names.has(NO_RULE)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `rules have names of their own, and none is '${NO_RULE}'`);
    }
    this.#rules = rules.map((rule) => new Rule(rule));
    this.#counts.clear();
  }

  /** By the name of the rule; `default`: refused because no rule allows it. */
  get counts(): ReadonlyMap<string, AccessCounts> {
    return this.#counts;
  }

  decide(request: AccessRequest): AccessDecision {
    const fitting = this.#rules.filter((rule) => rule.fits(request));
    const rule = fitting.find(({ config }) => config.effect === 'deny') ?? fitting[0];
    const decision = decisionOf(rule, request);
    const count = this.#counts.get(decision.rule) ?? { allowed: 0, refused: 0 };
    if (decision.allowed) count.allowed++;
    else count.refused++;
    this.#counts.set(decision.rule, count);
    return decision;
  }
}

function decisionOf(
  rule: Rule | undefined,
  { action, identity = 'nobody in particular', resource }: AccessRequest,
): AccessDecision {
  const wanted = resource === undefined ? action : `${action} ${resource}`;
  if (rule === undefined) return { allowed: false, rule: NO_RULE, reason: `no rule lets ${identity} ${wanted}` };
  const { name, effect, until, limits = {} } = rule.config;
  if (effect === 'deny')
    return { allowed: false, rule: name, reason: `rule '${name}' forbids ${identity} to ${wanted}` };
  const { bytes, bytesPerSecond, relayOnly, weight } = limits;
  return {
    allowed: true,
    rule: name,
    limits: {
      ...(bytes !== undefined && { bytes }),
      ...(bytesPerSecond !== undefined && { bytesPerSecond }),
      ...(relayOnly !== undefined && { relayOnly }),
      ...(weight !== undefined && { weight }),
      ...(until !== undefined && { untilMs: Date.parse(until) }),
    },
  };
}

/** A rule made ready: networks parsed once. */
class Rule {
  readonly config: RuleConfig;
  readonly #from: Networks | undefined;
  readonly #to: Networks | undefined;
  readonly #untilMs: number;

  constructor(config: RuleConfig) {
    this.config = config;
    this.#from = config.from === undefined ? undefined : new Networks(config.from);
    this.#to = config.to === undefined ? undefined : new Networks(config.to);
    this.#untilMs = config.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(config.until);
  }

  fits({ action, identity, peer, server, sessionId, resource, nowMs }: AccessRequest): boolean {
    const { may, who, servers, sessions, resources } = this.config;
    return (
      may.includes(action) &&
      nowMs < this.#untilMs &&
      (who === undefined || who.some((pattern) => names(pattern, identity))) &&
      inNetworks(this.#from, peer) &&
      fitsOne(servers, server) &&
      fitsOne(sessions, sessionId) &&
      fitsOne(resources, resource) &&
      inNetworks(this.#to, resource === undefined ? undefined : hostOf(resource))
    );
  }
}

function names(pattern: string, identity: string | undefined): boolean {
  return identity === undefined ? pattern === '*' : matchesGlob(pattern, identity);
}

/** What a rule restricts, and a request does not say, does not fit. */
function fitsOne(patterns_: readonly string[] | undefined, text: string | undefined): boolean {
  return patterns_ === undefined || (text !== undefined && patterns_.some((pattern) => matchesGlob(pattern, text)));
}

function inNetworks(allowed: Networks | undefined, address: string | undefined): boolean {
  return allowed === undefined || (address !== undefined && allowed.has(address));
}
