/**
 * Rules for fields of decoded messages. A table of them must name every field of its message, or it does not compile:
 * a field that is added to the protocol gets its bound.
 */
import { utf8Length } from '../codec/utf8.js';
import { MAX_VARINT } from '../ids/ids.js';
import { MAX_UINT32 } from '../limits/wire-limits.js';

export interface Rule<T> {
  /** What is wrong with the value, in words that follow the field's name; undefined when nothing is. */
  fault(value: T): string | undefined;
  /** The value with what this version does not know replaced; absent when nothing in it can be unknown. */
  readonly known?: (value: T) => T;
}

/** A rule for each field; absent optional fields are not looked at. */
export type MessageRules<M> = { readonly [K in keyof M]-?: Rule<NonNullable<M[K]>> };

export const flag: Rule<boolean> = { fault: (value) => (typeof value === 'boolean' ? undefined : 'is no boolean') };

export const u32: Rule<number> = upTo(MAX_UINT32);

/** Ids, offsets and counts (RFC 9000, section 16). */
export const u62: Rule<bigint> = {
  fault: (value) => (value >= 0n && value <= MAX_VARINT ? undefined : 'is not from 0 to 2^62-1'),
};

export const int32: Rule<number> = {
  fault: (value) => ((value | 0) === value ? undefined : 'is not a signed 32-bit number'),
};

export function upTo(max: number): Rule<number> {
  return {
    fault: (value) => (Number.isInteger(value) && value >= 0 && value <= max ? undefined : `is not 0 to ${max}`),
  };
}

export function text(maxBytes: number): Rule<string> {
  return { fault: (value) => (fitsUtf8(value, maxBytes) ? undefined : `is longer than ${maxBytes} bytes`) };
}

export function blob(maxBytes: number): Rule<Uint8Array> {
  return { fault: ({ length }) => (length <= maxBytes ? undefined : `has ${length} bytes, more than ${maxBytes}`) };
}

/** Ids, nonces, keys, signatures: 0 among the lengths says that the field may be absent. */
export function bytesOf(...lengths: readonly number[]): Rule<Uint8Array> {
  const allowed = lengths.join(' or ');
  return { fault: ({ length }) => (lengths.includes(length) ? undefined : `has ${length} bytes, not ${allowed}`) };
}

export function multipleOf(unit: number, maxBytes: number): Rule<Uint8Array> {
  const wanted = `a multiple of ${unit} from ${unit} to ${maxBytes}`;
  return {
    fault: ({ length }) =>
      length > 0 && length <= maxBytes && length % unit === 0 ? undefined : `has ${length} bytes, not ${wanted}`,
  };
}

/** Values outside the table read as UNSPECIFIED: a newer peer may know more. */
export function enumOf<E extends number>(table: Readonly<Record<string, E>> & { readonly UNSPECIFIED: E }): Rule<E> {
  const values: ReadonlySet<number> = new Set(Object.values(table));
  return {
    fault: (value) => (values.has(value) ? undefined : `has no value ${value}`),
    known: (value) => (values.has(value) ? value : table.UNSPECIFIED),
  };
}

export function listOf<T>(max: number, element: Rule<T>): Rule<T[]> {
  const { known } = element;
  return {
    fault: (values) => {
      if (values.length > max) return `has ${values.length} elements, more than ${max}`;
      return firstOf(values, (value, index) => {
        const fault = element.fault(value);
        return fault === undefined ? undefined : describe(`[${index}]`, fault);
      });
    },
    ...(known && { known: (values: T[]) => values.map(known) }),
  };
}

export function textMap(maxEntries: number, maxBytes: number): Rule<Map<string, string>> {
  return {
    fault: (map) => {
      if (map.size > maxEntries) return `has ${map.size} entries, more than ${maxEntries}`;
      let left = maxBytes;
      for (const [key, value] of map) {
        if (!fitsUtf8(key, left) || !fitsUtf8(value, left)) return `is larger than ${maxBytes} bytes`;
        left -= utf8Length(key) + utf8Length(value);
      }
      return left < 0 ? `is larger than ${maxBytes} bytes` : undefined;
    },
  };
}

/** A nested message; `whole` checks what concerns several fields. */
export function nested<M extends object>(rules: MessageRules<M>, whole?: (message: M) => string | undefined): Rule<M> {
  const names = Object.keys(rules) as (keyof M)[];
  return {
    fault: (message) => firstOf(names, (name) => faultOfField(message, name, rules)) ?? whole?.(message),
    known: (message) => {
      for (const name of names) replaceUnknown(message, name, rules);
      return message;
    },
  };
}

function faultOfField<M>(message: M, name: keyof M, rules: MessageRules<M>): string | undefined {
  const value = message[name];
  const fault = value === undefined || value === null ? undefined : rules[name].fault(value);
  return fault === undefined ? undefined : describe(`.${String(name)}`, fault);
}

/** In place: the message was decoded for us, and nobody else has it. */
function replaceUnknown<M>(message: M, name: keyof M, rules: MessageRules<M>): void {
  const value = message[name];
  const { known } = rules[name];
  if (known !== undefined && value !== undefined && value !== null) message[name] = known(value);
}

function firstOf<T>(values: readonly T[], fault: (value: T, index: number) => string | undefined): string | undefined {
  for (let index = 0; index < values.length; index += 1) {
    const found = fault(values[index]!, index);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Prefixes a fault with where it is; a fault of a nested field begins with its own `.name` or `[index]`. */
export function describe(place: string, fault: string | undefined): string | undefined {
  if (fault === undefined) return undefined;
  return fault.startsWith('.') || fault.startsWith('[') ? place + fault : `${place} ${fault}`;
}

/** Looks at the bytes only when the count of UTF-16 units leaves it open. */
function fitsUtf8(value: string, maxBytes: number): boolean {
  return value.length <= maxBytes && (value.length * 3 <= maxBytes || utf8Length(value) <= maxBytes);
}
