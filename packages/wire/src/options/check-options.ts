import { KwikError } from '../errors/kwik-error.js';
import { nearestName } from './nearest-name.js';
import type { GroupRule, OptionRule, ValueRule } from './option-rule.js';

/** What an option was called before, and what to write now. Both are paths, as in `limits.maxPaths`. */
type FormerNames = Readonly<Record<string, string>>;

/** The options of one call. */
export interface OptionRules {
  /** Who takes them, for the message: `dial`, `listen`. */
  readonly call: string;
  readonly root: GroupRule;
  readonly former?: FormerNames;
}

const MAX_SHOWN = 40;

/**
 * Throws ERR_KWIK_INVALID_ARGUMENT for the first member that the rules do not know, or whose value they do not take, and for one
 * that is required and missing. The message names the call and the member.
 */
export function checkOptions(options: unknown, rules: OptionRules): void {
  checkGroup(options, rules.root, '', rules);
}

/** The same for an argument that is no object of options; `name` is what its documentation calls it. */
export function checkArgument(call: string, name: string, given: unknown, rule: ValueRule): void {
  if (rule.accepts(given)) return;
  throw invalid(`the argument ${name} of ${call} cannot be ${shown(given, rule)}: it takes ${rule.takes}`);
}

function check(given: unknown, rule: OptionRule, path: string, rules: OptionRules): void {
  switch (rule.kind) {
    case 'value':
      if (!rule.accepts(given)) throw wrongValue(given, path, rule, rules);
      return;
    case 'list':
      if (!Array.isArray(given)) throw wrongValue(given, path, rule, rules);
      given.forEach((each, index) => check(each, rule.each, `${path}[${index}]`, rules));
      return;
    case 'group':
      checkGroup(given, rule, path, rules);
  }
}

function checkGroup(given: unknown, rule: GroupRule, path: string, rules: OptionRules): void {
  const { members, required } = rule;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrongValue(given, path, rule, rules);
  }
  for (const [name, value] of Object.entries(given)) {
    const memberPath = path === '' ? name : `${path}.${name}`;
    const ofMember = Object.hasOwn(members, name) ? members[name] : undefined;
    if (ofMember === undefined) throw unknownMember(memberPath, Object.keys(members), rules);
    if (value !== undefined) check(value, ofMember, memberPath, rules);
  }
  const missing = required.find((name) => (given as Record<string, unknown>)[name] === undefined);
  if (missing !== undefined) throw missingMember(path === '' ? missing : `${path}.${missing}`, members[missing], rules);
}

function wrongValue(given: unknown, path: string, rule: OptionRule, { call }: OptionRules): KwikError {
  const what = path === '' ? `the options of ${call}` : `the option ${path} of ${call}`;
  return invalid(`${what} cannot be ${shown(given, rule)}: it takes ${takenBy(rule)}`);
}

function unknownMember(path: string, siblings: readonly string[], { call, root, former }: OptionRules): KwikError {
  const now = former !== undefined && Object.hasOwn(former, path) ? former[path] : undefined;
  if (now !== undefined) return invalid(`${call} has no option ${path} any more: give ${now}`);
  const nearest = nearestName(path, root);
  const hint = nearest === undefined ? `there are ${siblings.join(', ')}` : `did you mean ${nearest}?`;
  return invalid(`${call} has no option ${path}; ${hint}`);
}

function missingMember(path: string, rule: OptionRule | undefined, { call }: OptionRules): KwikError {
  return invalid(`${call} takes the option ${path}, which is missing${rule === undefined ? '' : `: ${takenBy(rule)}`}`);
}

function takenBy(rule: OptionRule): string {
  switch (rule.kind) {
    case 'value':
      return rule.takes;
    case 'list':
      return 'a list';
    case 'group':
      return `an object of ${Object.keys(rule.members).join(', ')}`;
  }
}

function invalid(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', message);
}

/** A value in a few words; nothing of an object, which may hold secrets, nor of what may be one itself. */
function shown(value: unknown, rule: OptionRule): string {
  if (hides(rule) && (typeof value === 'string' || typeof value === 'number')) return `that ${typeof value}`;
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value === 'string') return value.length > MAX_SHOWN ? 'that string' : `'${value}'`;
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
}

function hides(rule: OptionRule): boolean {
  return rule.kind === 'list' ? hides(rule.each) : rule.kind === 'value' && rule.hidden === true;
}
