import { KwikError, type AccessLimits } from '@kwik/wire';
import { z } from 'zod';

const MAX_WEIGHT = 1000;

const amount = z
  .string()
  .regex(/^[1-9]\d{0,15}$/u, 'a whole number above 0')
  .transform(Number)
  .refine(Number.isSafeInteger, 'a number below 2^53');

const LIMITS = z.strictObject({
  bytes: amount.optional(),
  bytesPerSecond: amount.optional(),
  until: z.iso.datetime({ offset: true }).transform(Date.parse).optional(),
  relayOnly: z.enum(['true', 'false']).optional(),
  weight: amount.refine((weight) => weight <= MAX_WEIGHT, `at most ${MAX_WEIGHT}`).optional(),
});

/** Annotations without a meaning here: Cedar gives them none, either. */
const FREE: ReadonlySet<string> = new Set(['id', 'description']);

/** The limits that a policy's annotations say. Throws ERR_KWIK_INVALID_ARGUMENT for one that is unknown, or no limit. */
export function limitsOf(
  name: string,
  effect: 'permit' | 'forbid',
  annotations: Readonly<Record<string, string>>,
): AccessLimits {
  const own = Object.fromEntries(Object.entries(annotations).filter(([key]) => !FREE.has(key)));
  const parsed = LIMITS.safeParse(own);
  if (!parsed.success) throw unusable(name, z.prettifyError(parsed.error));
  if (effect === 'forbid' && Object.keys(own).length > 0) throw unusable(name, 'what is forbidden has no limits');
  const { bytes, bytesPerSecond, until, relayOnly, weight } = parsed.data;
  return {
    ...(bytes !== undefined && { bytes }),
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    ...(until !== undefined && { untilMs: until }),
    ...(relayOnly === 'true' && { relayOnly: true }),
    ...(weight !== undefined && { weight }),
  };
}

/** Of each limit the least. */
export function strictest(all: readonly AccessLimits[]): AccessLimits {
  const least = (values: readonly (number | undefined)[]): number | undefined => {
    const given = values.filter((value) => value !== undefined);
    return given.length === 0 ? undefined : Math.min(...given);
  };
  const bytes = least(all.map((one) => one.bytes));
  const bytesPerSecond = least(all.map((one) => one.bytesPerSecond));
  const untilMs = least(all.map((one) => one.untilMs));
  const weight = least(all.map((one) => one.weight));
  return {
    ...(bytes !== undefined && { bytes }),
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    ...(untilMs !== undefined && { untilMs }),
    ...(weight !== undefined && { weight }),
    ...(all.some(({ relayOnly }) => relayOnly === true) && { relayOnly: true }),
  };
}

function unusable(name: string, why: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `the Cedar policies cannot be used: rule '${name}': ${why}`);
}
