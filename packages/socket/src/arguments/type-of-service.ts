import { nodeError } from '../errors.js';

/** Throws what `node:net` throws (Node 24). */
export function checkTypeOfService(value: unknown, name: string): asserts value is number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    const what = name.includes('.') ? 'property' : 'argument';
    const text = `The "${name}" ${what} must be of type number. Received ${received(value)}`;
    throw nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', text);
  }
  if (Number.isInteger(value) && value >= 0 && value <= 255) return;
  const range = Number.isInteger(value) ? '>= 0 && <= 255' : 'an integer';
  const text = `The value of "${name}" is out of range. It must be ${range}. Received ${value}`;
  throw nodeError(RangeError, 'ERR_OUT_OF_RANGE', text);
}

function received(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `type string ('${value}')`;
  return typeof value === 'number' ? `type number (${value})` : `type ${typeof value}`;
}
