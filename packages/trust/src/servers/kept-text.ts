import { KwikError } from '@kwik/wire';
import { z } from 'zod';

const FORMAT = 'kwik-trust-scores/1';
export const MAX_KEPT_SERVERS = 20_000;
/** More than so many take, with the longest addresses. */
export const MAX_KEPT_BYTES = 32 * 1024 * 1024;
/** `pin:…` or `address:…`. */
const SERVER = /^(?:pin:[0-9a-f]{64}|address:[^\p{C}\s]{1,320})$/u;

const count = z.number().min(0).max(1e12);
const time = z.number().min(0).max(8.64e15);
const evidence = z.strictObject({ good: count, bad: count, atMs: time });

const RECORD = z.strictObject({
  server: z.string().regex(SERVER),
  reliability: evidence,
  slow: evidence,
  exclusions: count.int(),
  excludedUntilMs: time,
  quarantines: count.int(),
  quarantinedUntilMs: time,
  onProbation: count.int(),
});

const KEPT = z.strictObject({ format: z.literal(FORMAT), records: z.array(RECORD).max(MAX_KEPT_SERVERS) });

/** What is known of one server, as it stands in a file. Times are milliseconds since 1970; 0: never. */
export type KeptRecord = z.infer<typeof RECORD>;

/** Only what `readKept` takes again: who is named so that no file can hold it is not in it, and of too many the last ones are. */
export function writeKept(all: readonly KeptRecord[]): string {
  const records = all.filter(({ server }) => SERVER.test(server)).slice(-MAX_KEPT_SERVERS);
  return `${JSON.stringify({ format: FORMAT, records })}\n`;
}

/** Throws ERR_KWIK_INVALID_MESSAGE for what is none, or only half of one. */
export function readKept(text: string): readonly KeptRecord[] {
  if (text.length > MAX_KEPT_BYTES) throw broken(`it has more than ${MAX_KEPT_BYTES} characters`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw broken('it is no JSON, or was cut off');
  }
  const kept = KEPT.safeParse(json);
  if (kept.success) return kept.data.records;
  const [issue] = kept.error.issues;
  throw broken(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it cannot be read'}`);
}

function broken(how: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_MESSAGE', `these are no trust scores: ${how}`);
}
