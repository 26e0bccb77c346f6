import type { Style } from './style.js';

/** Eighths of a block, so that a slow transfer can be seen to move. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** A bar of exactly `width` columns, filled to `fraction` (0 to 1). */
export function drawBar(
  fraction: number,
  width: number,
  style: Pick<Style, 'unicode'>,
): { filled: string; rest: string } {
  const clamped = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
  if (!style.unicode) {
    const full = Math.floor(clamped * width);
    return { filled: '#'.repeat(full), rest: '-'.repeat(width - full) };
  }
  const eighths = Math.floor(clamped * width * 8);
  const full = Math.floor(eighths / 8);
  const partial = EIGHTHS[eighths % 8] ?? '';
  return { filled: '█'.repeat(full) + partial, rest: '░'.repeat(width - full - (partial === '' ? 0 : 1)) };
}
