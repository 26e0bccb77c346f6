/** Figures as people read them. */

/** @param {number} bytesPerSecond */
export function rate(bytesPerSecond) {
  const bits = bytesPerSecond * 8;
  if (bits < 1000) return bits < 1 ? '0' : `${bits.toFixed(0)} bit/s`;
  if (bits < 1e6) return `${(bits / 1e3).toFixed(bits < 1e4 ? 1 : 0)} kbit/s`;
  if (bits < 1e9) return `${(bits / 1e6).toFixed(bits < 1e7 ? 2 : 1)} Mbit/s`;
  return `${(bits / 1e9).toFixed(2)} Gbit/s`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** @param {number} ms */
export function time(ms) {
  if (ms <= 0) return '–';
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : duration(ms);
}

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** @param {number} ratio */
export function percent(ratio) {
  const value = ratio * 100;
  return value > 0 && value < 1 ? `${value.toFixed(1)} %` : `${value.toFixed(0)} %`;
}

/** @param {number} count */
export function count(count) {
  if (count < 10_000) return String(count);
  return count < 1e6 ? `${(count / 1e3).toFixed(0)} k` : `${(count / 1e6).toFixed(1)} M`;
}

/** @param {number} wallClockMs As far apart as the points of a day or a month are. */
export function dayAndTime(wallClockMs) {
  const at = new Date(wallClockMs);
  const pad = (number) => String(number).padStart(2, '0');
  return `${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

/** @param {number} wallClockMs */
export function clock(wallClockMs) {
  return new Date(wallClockMs).toTimeString().slice(0, 8);
}
