import { KwikError } from '@kwik/wire';
import { z } from 'zod';
import { MAX_BYTES_PER_SECOND, MAX_HOURS, type KnownHour } from '../../core/policy/scaling/hourly-table.js';

const hourShape = z.object({
  hour: z.int(),
  bytesPerSecond: z.number().min(0).max(MAX_BYTES_PER_SECOND),
  sessions: z.int().min(1),
});

/** The length first: of a list that is too long nothing is looked at. */
const historyShape = z.array(z.unknown()).max(MAX_HOURS).pipe(z.array(hourShape));

/** What `HourlyTable.hours` gave to an earlier process. Throws ERR_KWIK_INVALID_ARGUMENT, which says what is wrong first. */
export function readHours(given: unknown): readonly KnownHour[] {
  const read = historyShape.safeParse(given);
  if (read.success) return read.data;
  const [{ path, message } = { path: [], message: '' }] = read.error.issues;
  const where = path.length === 0 ? '' : ` in ${z.core.toDotPath(path)}`;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `the history of demand cannot be used${where}: ${message}`);
}
