/** What an option takes. */
export type OptionRule = ValueRule | ListRule | GroupRule;

export interface ValueRule {
  readonly kind: 'value';
  /** Ends the sentence "it takes …". */
  readonly takes: string;
  /** What is given in its place may be a secret: no message shows it. */
  readonly hidden?: boolean;
  accepts(value: unknown): boolean;
}

export interface ListRule {
  readonly kind: 'list';
  readonly each: OptionRule;
}

export interface GroupRule {
  readonly kind: 'group';
  readonly members: Readonly<Record<string, OptionRule>>;
  /** Names of members that must be given. */
  readonly required: readonly string[];
}

/** One rule for each member of a group: the compiler notices one that is missing, and one that is not of the group. */
type RulesOf<Group> = { readonly [Name in keyof Required<Group>]: OptionRule };

/** Members that a group cannot be without. */
type RequiredOf<Group> = {
  readonly [Name in keyof Group]-?: undefined extends Group[Name] ? never : Name;
}[keyof Group];

/** `required`: the members that must be given. */
export function group<Group>(
  members: RulesOf<Group>,
  required: readonly (RequiredOf<Group> & string)[] = [],
): GroupRule {
  return { kind: 'group', members, required };
}

export function list(each: OptionRule): ListRule {
  return { kind: 'list', each };
}

/** `takes` ends the sentence "it takes …". */
export function value(takes: string, accepts: (given: unknown) => boolean): ValueRule {
  return { kind: 'value', takes, accepts };
}

export function oneOf(...names: readonly string[]): ValueRule {
  return value(names.map((name) => `'${name}'`).join(' or '), (given) => names.includes(given as string));
}

/** An object that has these methods, of whatever class. */
export function objectWith(...methods: readonly string[]): ValueRule {
  return value(`an object with ${methods.join(' and ')}`, (given) => {
    return methods.every((name) => typeof (given as Record<string, unknown> | null)?.[name] === 'function');
  });
}

export function either(one: ValueRule, other: ValueRule): ValueRule {
  const rule = value(`${one.takes} or ${other.takes}`, (given) => one.accepts(given) || other.accepts(given));
  return one.hidden === true || other.hidden === true ? { ...rule, hidden: true } : rule;
}

/** What is checked, in words of its own, by whoever takes it. */
export const checkedLater = value('anything', () => true);
export const text = value('a string', (given) => typeof given === 'string');
/** A token, a password, a private key. */
export const secret: ValueRule = { ...text, hidden: true };
export const flag = value('true or false', (given) => typeof given === 'boolean');
export const call = value('a function', (given) => typeof given === 'function');
/** Text in their place may well be a key. */
export const bytes: ValueRule = {
  ...value('a Uint8Array', (given) => given instanceof Uint8Array),
  hidden: true,
};
export const bytesOrText = value(
  'bytes (an ArrayBuffer or a view of one) or a string',
  (given) =>
    typeof given === 'string' ||
    ArrayBuffer.isView(given) ||
    given instanceof ArrayBuffer ||
    given instanceof SharedArrayBuffer,
);
export const positive = value(
  'a whole number above 0',
  (given) => Number.isSafeInteger(given) && (given as number) > 0,
);
export const amount = value(
  'a number, 0 or more',
  (given) => typeof given === 'number' && Number.isFinite(given) && given >= 0,
);
export const aboveZero = value(
  'a number above 0',
  (given) => typeof given === 'number' && Number.isFinite(given) && given > 0,
);
export const share = value('a number from 0 to 1', (given) => amount.accepts(given) && (given as number) <= 1);
export const count = value(
  'a whole number, 0 or more',
  (given) => Number.isSafeInteger(given) && (given as number) >= 0,
);
export const port = value(
  'a whole number from 0 to 65535',
  (given) => count.accepts(given) && (given as number) <= 65_535,
);
export const filePath = value(
  'the path of a file or folder',
  (given) => typeof given === 'string' && given !== '' && !given.includes('\0'),
);

/** A list, for an argument alone; what is in it is checked as `list` does. */
export function listOf(each: ValueRule, most = Infinity): ValueRule {
  const bound = most === Infinity ? '' : `, ${most} at the most`;
  return value(
    `a list, of which each is ${each.takes}${bound}`,
    (given) => Array.isArray(given) && given.length <= most && given.every((one) => each.accepts(one)),
  );
}

/** Of `node:crypto`. */
export const keyObject = value('a KeyObject', (given) => {
  const { type, export: write } = (given ?? {}) as { readonly type?: unknown; readonly export?: unknown };
  return typeof type === 'string' && typeof write === 'function';
});
export const clock = objectWith('now', 'schedule');
/** A part of an AbortSignal; an AbortController is none. */
export const signal = objectWith('addEventListener', 'removeEventListener');
/** What it says is checked where it is used. */
export const anObject = value('an object', (given) => typeof given === 'object' && given !== null);
/** What a timer of Node waits at the most; it fires at once for anything longer. Some 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;
export const milliseconds = value(
  `a number of milliseconds, 0 or more and at most ${MAX_TIMER_MS}`,
  (given) => typeof given === 'number' && given >= 0 && given <= MAX_TIMER_MS,
);
export const positiveMilliseconds = value(
  `a whole number of milliseconds, above 0 and at most ${MAX_TIMER_MS}`,
  (given) => positive.accepts(given) && milliseconds.accepts(given),
);
