const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** 1,000-based, three significant digits: `30.1 MB`. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  // 999.5 would be rounded to "1000".
  while (value >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${SIZE_UNITS[unit] ?? 'B'}`;
}

/** `bytesPerSecond` as network people say it: `19.4 Mbit/s`. */
export function formatRate(bytesPerSecond: number): string {
  const megabits = toMbps(bytesPerSecond);
  if (megabits < 1) return `${Math.round(megabits * 1000)} kbit/s`;
  return `${megabits.toFixed(megabits >= 99.95 ? 0 : 1)} Mbit/s`;
}

export function toMbps(bytesPerSecond: number): number {
  return (bytesPerSecond * 8) / 1e6;
}

export function formatSeconds(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) - minutes * 60;
  if (minutes < 60) return `${minutes} min ${rest} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function formatPercent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

/** Rounded for JSON output, where fifteen digits only hurt the reader. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Nouns in messages: `1 file`, `3 files`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}
