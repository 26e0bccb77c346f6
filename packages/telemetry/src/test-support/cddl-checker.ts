import type { CddlEntry, CddlRules, CddlType } from './cddl-parser.js';

type Json = Readonly<Record<string, unknown>>;

const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isUint = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** The types of CDDL's prelude (RFC 8610, appendix D) that are used; JSON has one kind of numbers. */
const PRELUDE: Readonly<Record<string, (value: unknown) => boolean>> = {
  any: () => true,
  text: isText,
  tstr: isText,
  bool: (value) => typeof value === 'boolean',
  true: (value) => value === true,
  false: (value) => value === false,
  uint: isUint,
  int: Number.isSafeInteger,
  float32: isNumber,
  float64: isNumber,
};

/** A value against the rules of CDDL: maps take no members that their rule does not name. */
export class CddlChecker {
  readonly #rules: CddlRules;

  constructor(rules: CddlRules) {
    this.#rules = rules;
  }

  /** What is wrong, and where; undefined: nothing. Throws for a rule that there is not. */
  fault(rule: string, value: unknown): string | undefined {
    return this.#fault({ kind: 'name', name: rule }, value, rule);
  }

  #fault(type: CddlType, value: unknown, at: string): string | undefined {
    switch (type.kind) {
      case 'name': {
        const known = PRELUDE[type.name];
        if (known !== undefined) return known(value) ? undefined : `${at}: ${shown(value)} is no ${type.name}`;
        return this.#fault(this.#rule(type.name), value, at);
      }
      case 'value':
        return value === type.value ? undefined : `${at}: ${shown(value)} is not ${shown(type.value)}`;
      case 'choice': {
        const faults = type.of.map((each) => this.#fault(each, value, at));
        return faults.includes(undefined) ? undefined : faults.join('\n');
      }
      case 'control':
        return this.#fault(type.of, value, at) ?? controlFault(type, value, at);
      case 'map':
        return this.#mapFault(type.entries, value, at);
      case 'array':
        return this.#arrayFault(type.entries, value, at);
    }
  }

  #rule(name: string): CddlType {
    const rule = this.#rules.get(name);
    if (rule === undefined) throw new Error(`CDDL has no rule named ${name}`);
    return rule;
  }

  #mapFault(entries: readonly CddlEntry[], value: unknown, at: string): string | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at}: ${shown(value)} is no map`;
    const left = new Map(Object.entries(value as Json));
    const faults: string[] = [];
    const others: CddlEntry[] = [];
    for (const entry of this.#unwrapped(entries)) {
      if (typeof entry.key !== 'string') {
        others.push(entry);
        continue;
      }
      const member = `${at}.${entry.key}`;
      const fault = left.has(entry.key)
        ? this.#fault(entry.type, left.get(entry.key), member)
        : entry.least > 0
          ? `${member} is missing`
          : undefined;
      left.delete(entry.key);
      if (fault !== undefined) faults.push(fault);
    }
    for (const [key, member] of left) {
      const found = others.filter((entry) => this.#fault(entry.key as CddlType, key, at) === undefined);
      const isKnown = found.some((entry) => this.#fault(entry.type, member, at) === undefined);
      if (!isKnown) faults.push(`${at}.${key} is in no rule`);
    }
    return faults[0];
  }

  /** With the members of groups in the place of their names; nothing was added to a socket that has no rule. */
  #unwrapped(entries: readonly CddlEntry[]): CddlEntry[] {
    return entries.flatMap((entry) => {
      if (entry.key !== undefined) return [entry];
      if (entry.type.kind !== 'name') throw new Error('CDDL: a member of a map without a name');
      if (entry.type.name.startsWith('$$') && !this.#rules.has(entry.type.name)) return [];
      const group = this.#rule(entry.type.name);
      if (group.kind !== 'map') throw new Error(`CDDL: ${entry.type.name} is no group`);
      return this.#unwrapped(group.entries);
    });
  }

  #arrayFault(entries: readonly CddlEntry[], value: unknown, at: string): string | undefined {
    if (!Array.isArray(value)) return `${at}: ${shown(value)} is no array`;
    const [entry, ...more] = entries;
    if (entry === undefined || more.length > 0) throw new Error('CDDL: an array of more than one kind');
    if (value.length < entry.least || value.length > entry.most) return `${at}: there are ${value.length} of it`;
    for (const [index, each] of value.entries()) {
      const fault = this.#fault(entry.type, each, `${at}[${index}]`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}

function controlFault(type: CddlType & { readonly kind: 'control' }, value: unknown, at: string): string | undefined {
  const argument = type.argument.kind === 'value' ? type.argument.value : undefined;
  switch (type.operator) {
    case '.default':
      return undefined;
    case '.size': {
      const fits = typeof value === 'string' ? value.length === argument : (value as number) < 256 ** Number(argument);
      return fits ? undefined : `${at}: ${shown(value)} is larger than ${String(argument)} bytes`;
    }
    case '.regexp':
      return new RegExp(`^(?:${String(argument)})$`, 'u').test(value as string)
        ? undefined
        : `${at}: ${shown(value)} is not as ${String(argument)}`;
    default:
      throw new Error(`CDDL: ${type.operator} is not known`);
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
