import { KwikError } from '@kwik/wire';

/** Throws ERR_KWIK_INVALID_ARGUMENT, which names it. */
export function checkBound(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${name} is a whole number from ${least} on, not ${value}`);
}
