import { readFileSync } from 'node:fs';

/** One field of a message in a .proto file, as far as `checkShape` cares. */
export interface ProtoField {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly repeated: boolean;
  /** Types of key and value; then `type` is `map`. */
  readonly map?: readonly [string, string];
}

export interface ProtoFiles {
  readonly messages: ReadonlyMap<string, readonly ProtoField[]>;
  readonly enums: ReadonlySet<string>;
}

const FILES = ['common', 'control', 'data'];
const FIELD = /^(?:(repeated|optional) )?(?:map<(\w+), (\w+)>|(\w+)) (\w+) = (\d+);$/;

/** Reads what buf has formatted: one field a line, `oneof` the only nested block. */
export function readProtoFiles(): ProtoFiles {
  const messages = new Map<string, ProtoField[]>();
  const enums = new Set<string>();
  let current: ProtoField[] = [];
  for (const line of FILES.flatMap(linesOf)) {
    const [, kind, name] = /^(message|enum) (\w+) \{$/.exec(line) ?? [];
    if (kind === 'enum') enums.add(name!);
    if (kind !== undefined) current = [];
    if (kind === 'message') messages.set(name!, current);
    const field = fieldOf(line);
    if (field !== undefined) current.push(field);
  }
  return { messages, enums };
}

function linesOf(file: string): string[] {
  const path = new URL(`../../../../proto/kwik/v1/${file}.proto`, import.meta.url);
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim());
}

function fieldOf(line: string): ProtoField | undefined {
  const match = FIELD.exec(line);
  if (match === null) return undefined;
  const [, label, key, value, type, name, number] = match;
  const map = key === undefined ? {} : { map: [key, value!] as const };
  return { name: name!, number: Number(number), type: type ?? 'map', repeated: label === 'repeated', ...map };
}
