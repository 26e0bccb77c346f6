import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('./corpus/', import.meta.url);

export interface CorpusEntry {
  readonly file: string;
  readonly input: Uint8Array;
}

/** The committed inputs of a target, in the order of their names. */
export function readCorpus(target: string): CorpusEntry[] {
  const folder = new URL(`${target}/`, ROOT);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => ({ file, input: new Uint8Array(readFileSync(new URL(file, folder))) }));
}

/** Names the file after what is in it; returns its path. `kind`: `found` for an input that broke a rule. */
export function saveInput(target: string, input: Uint8Array, kind: 'seed' | 'case' | 'found'): string {
  const folder = new URL(`${target}/`, ROOT);
  mkdirSync(folder, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const file = new URL(`${kind}-${digest}`, folder);
  writeFileSync(file, input);
  return fileURLToPath(file);
}
