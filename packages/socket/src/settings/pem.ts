import { readFileSync } from 'node:fs';
import { nodeError } from '../errors.js';

const PEM = '-----BEGIN ';

/** PEM as it was given, or what the file holds now that was named in its place. Throws what reading the file throws. */
export function readPem(given: string): string {
  if (isPem(given)) return given;
  const text = readFileSync(given, 'utf8');
  if (text.includes(PEM)) return text;
  throw nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', `${given} holds no PEM`);
}

export function isPem(given: string): boolean {
  return given.includes(PEM);
}
