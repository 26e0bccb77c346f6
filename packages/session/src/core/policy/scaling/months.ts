import { KwikError } from '@kwik/wire';

const MONTHS_A_YEAR = 12;
const NAME = /^(\d{4})-(0[1-9]|1[0-2])$/u;

/** Months since year 0, in UTC, at this time in milliseconds since 1970. */
export function monthOf(wallMs: number): number {
  const date = new Date(wallMs);
  return date.getUTCFullYear() * MONTHS_A_YEAR + date.getUTCMonth();
}

/** `2026-11` */
export function nameOfMonth(month: number): string {
  const year = String(Math.floor(month / MONTHS_A_YEAR)).padStart(4, '0');
  return `${year}-${String((month % MONTHS_A_YEAR) + 1).padStart(2, '0')}`;
}

/** Throws ERR_KWIK_INVALID_ARGUMENT for a name that is none. */
export function monthNamed(name: string): number {
  const [, year, month] = NAME.exec(name) ?? [];
  if (year === undefined || month === undefined) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `'${name}' is no month such as 2026-11`);
  }
  return Number(year) * MONTHS_A_YEAR + Number(month) - 1;
}
