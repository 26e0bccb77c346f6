import type { ScalingCandidate } from '@kwik/session';
import { InvalidArgumentError } from 'commander';
import { formatHostPort, parseHostPort, parseServer } from '../address.js';

/** Parsers of option values; their errors name the option by themselves (commander adds it). */

const SIZE_FACTORS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['k', 1e3],
  ['kb', 1e3],
  ['m', 1e6],
  ['mb', 1e6],
  ['g', 1e9],
  ['gb', 1e9],
]);

export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?b?)$/iu.exec(text);
  const factor = SIZE_FACTORS.get((match?.[2] ?? '').toLowerCase().replace(/^b$/u, ''));
  if (match === null || factor === undefined) throw new InvalidArgumentError('Write a size such as 30MB or 500000.');
  return Math.round(Number(match[1]) * factor);
}

export function parseWhole(text: string): number {
  if (!/^\d{1,15}$/u.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

export const parseSeconds = parseSecondsUpTo(86_400);

export function parseSecondsUpTo(most: number): (text: string) => number {
  return (text) => {
    const seconds = Number(text);
    if (!/^\d+(?:\.\d+)?$/u.test(text) || seconds <= 0 || seconds > most) {
      throw new InvalidArgumentError(`Write seconds, above 0 and up to ${most}.`);
    }
    return seconds;
  };
}

export function parseCountUpTo(most: number): (text: string) => number {
  return (text) => {
    const count = parseWhole(text);
    if (count < 1 || count > most) throw new InvalidArgumentError(`Write a whole number from 1 to ${most}.`);
    return count;
  };
}

/** Comma-separated rates in Mbit/s, one per server. */
export function parseRates(text: string): number[] {
  const rates = text.split(',').map((part) => Number(part.trim()));
  if (rates.some((rate) => !Number.isFinite(rate) || rate < 0.1 || rate > 1000) || rates.length > 8) {
    throw new InvalidArgumentError('Write up to 8 rates in Mbit/s from 0.1 to 1000, such as 20,10,5.');
  }
  return rates;
}

/** Names with commas between them. */
export function parseList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export function parseAddress(text: string): string {
  return checkAddress(text, false);
}

/** A server, as `HOST:PORT` or as a URL of it; the former is what comes out. */
export function parseServerText(text: string): string {
  try {
    return formatHostPort(parseServer(text));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : '');
  }
}

/** A server, and what a gigabyte from it costs: `HOST:PORT` or `HOST:PORT=PRICE`. */
export function parseCandidate(text: string): ScalingCandidate {
  const [, server = text, price] = /^(.*)=(.*)$/u.exec(text) ?? [];
  const address = parseServerText(server);
  if (price === undefined) return { address };
  if (!/^\d{1,9}(?:\.\d{1,9})?$/u.test(price))
    throw new InvalidArgumentError('Write a price such as b.example:4433=0.01.');
  return { address, pricePerGb: Number(price) };
}

/** `HOST:PORT`, or a port alone: on this machine only. Port 0 lets the system choose. */
export function parseListenAddress(text: string): string {
  if (/^:\d+$/u.test(text)) {
    throw new InvalidArgumentError(`Write 0.0.0.0${text} for all IPv4 interfaces, [::]${text} for IPv6 too.`);
  }
  return checkAddress(/^\d{1,5}$/u.test(text) ? `127.0.0.1:${text}` : text, true);
}

/** `HOST:PORT`, or with port 0 any port of the host. */
export function parseBindAddress(text: string): string {
  return checkAddress(text, true);
}

/** For options that may be given several times. */
export function collect<T>(parse: (text: string) => T): (text: string, previous: T[]) => T[] {
  return (text, previous) => [...previous, parse(text)];
}

function checkAddress(text: string, allowZero: boolean): string {
  try {
    parseHostPort(text, { allowZero });
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : '');
  }
}
