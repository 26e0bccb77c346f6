/**
 * What tests read of CDDL (RFC 8610): what the drafts of qlog and KWIK's own schema use, and nothing else. What it does
 * not know it refuses, rather than to let a value pass.
 */

export type CddlType =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'value'; readonly value: string | number }
  | { readonly kind: 'map' | 'array'; readonly entries: readonly CddlEntry[] }
  | { readonly kind: 'choice'; readonly of: readonly CddlType[] }
  | { readonly kind: 'control'; readonly of: CddlType; readonly operator: string; readonly argument: CddlType };

export interface CddlEntry {
  readonly least: number;
  readonly most: number;
  /** A member's name, or the type of the names of many; undefined: an element, a group or what `~` unwraps. */
  readonly key?: string | CddlType;
  readonly type: CddlType;
}

/** By name: the type, or the choices that `/=` has added to a socket. */
export type CddlRules = ReadonlyMap<string, CddlType>;

const TOKEN = /\s+|;[^\n]*|"[^"]*"|\.[a-z]+|=>|\/=|\d+|[$A-Za-z_@][\w$@.-]*(?<![.-])|[?*+:=/()[\]{},~]/uy;
const NAME = /^[$A-Za-z_@]/u;

/** Throws for text that is no CDDL of the part that it knows. */
export function parseCddl(text: string): CddlRules {
  const rules = new Map<string, CddlType>();
  const parser = new Parser(tokensOf(text));
  while (!parser.isDone) {
    const name = parser.take(NAME);
    const isAddition = parser.take(/^\/?=$/u) === '/=';
    const type = parser.type();
    const known = rules.get(name);
    if (known !== undefined && !isAddition) throw new Error(`CDDL has two rules named ${name}`);
    rules.set(name, known === undefined ? type : { kind: 'choice', of: [known, type] });
  }
  return rules;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const [token] = TOKEN.exec(text) ?? [];
    if (token === undefined) throw new Error(`CDDL is not understood here: ${text.slice(at, at + 40)}`);
    if (!/^[\s;]/u.test(token)) tokens.push(token);
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get isDone(): boolean {
    return this.#at === this.#tokens.length;
  }

  take(expected: RegExp): string {
    const token = this.#tokens[this.#at] ?? 'the end';
    if (!expected.test(token)) {
      const before = this.#tokens.slice(Math.max(0, this.#at - 5), this.#at).join(' ');
      throw new Error(`CDDL has ${token} after "${before}", where ${String(expected)} was expected`);
    }
    this.#at += 1;
    return token;
  }

  type(): CddlType {
    const of = [this.#controlled()];
    while (this.#skip('/')) of.push(this.#controlled());
    return of.length === 1 ? of[0]! : { kind: 'choice', of };
  }

  #controlled(): CddlType {
    const of = this.#single();
    const operator = this.#peek();
    if (!/^\.[a-z]/u.test(operator)) return of;
    this.#at += 1;
    return { kind: 'control', of, operator, argument: this.#single() };
  }

  #single(): CddlType {
    const token = this.take(/^["\d({[~$A-Za-z_@]/u);
    switch (token[0]) {
      case '"':
        return { kind: 'value', value: token.slice(1, -1) };
      case '{':
        return { kind: 'map', entries: this.#entries('}') };
      case '[':
        return { kind: 'array', entries: this.#entries(']') };
      case '(': {
        const type = this.type();
        this.take(/^\)$/u);
        return type;
      }
      case '~':
        return { kind: 'name', name: this.take(NAME) };
      default:
        return /^\d/u.test(token) ? { kind: 'value', value: Number(token) } : { kind: 'name', name: token };
    }
  }

  #entries(end: string): CddlEntry[] {
    const entries: CddlEntry[] = [];
    while (!this.#skip(end)) {
      entries.push(this.#entry());
      this.#skip(',');
    }
    return entries;
  }

  #entry(): CddlEntry {
    const times = this.#occurrence();
    if (this.#peek(1) === ':') {
      const key = this.take(/^[\w"]/u).replace(/"/gu, '');
      this.take(/^:$/u);
      return { ...times, key, type: this.type() };
    }
    const type = this.type();
    return this.#skip('=>') ? { ...times, key: type, type: this.type() } : { ...times, type };
  }

  #occurrence(): { readonly least: number; readonly most: number } {
    if (this.#skip('?')) return { least: 0, most: 1 };
    if (this.#skip('+')) return { least: 1, most: Infinity };
    const hasLeast = /^\d/u.test(this.#peek()) && this.#peek(1) === '*';
    const least = hasLeast ? Number(this.take(/^\d/u)) : 0;
    if (!this.#skip('*')) return { least: 1, most: 1 };
    return { least, most: /^\d/u.test(this.#peek()) ? Number(this.take(/^\d/u)) : Infinity };
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? '';
  }

  #skip(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at += 1;
    return true;
  }
}
