import { z } from 'zod';
import { usageError } from '../errors.js';
import { withoutSecrets } from '../support/secrets.js';
import { oneLine } from '../ui/text.js';
import type { ProcessEvidence, Sample } from './evidence.js';

/** What a process tells of itself, as text: the same pages, whether asked for now or kept by `kwik support`. */
export interface ProcessPages {
  readonly about: string;
  readonly health: string;
  readonly metrics: string;
}

const KEY_PACKETS = 'kwik_key_packets';
/** What an auditor asks after; the rest is for operators. */
const COUNTERS = [
  'kwik_handshakes_total',
  'kwik_refused_paths_total',
  'kwik_tokens_total',
  'kwik_violations_total',
  'kwik_trust_decisions_total',
  'kwik_dropped_total',
  'kwik_bounds_total',
];
/** More samples of one metric than any of these has; who wrote the page may be anybody. */
const MAX_SAMPLES = 200;
const MAX_OPTIONS = 100;
const VALUE_CHARACTERS = 300;

const ABOUT = z.object({
  kwik: z.string(),
  node: z.string(),
  system: z.string(),
  uptimeSeconds: z.number().optional(),
  options: z.record(z.string(), z.unknown()).default({}),
});
const HEALTH = z.object({ status: z.string(), problems: z.array(z.string()).max(1000) });

/** Throws a usage error where the pages are not those of a process of KWIK. */
export function processEvidence(source: string, pages: ProcessPages): ProcessEvidence {
  const about = parsed(ABOUT, pages.about, source);
  const health = parsed(HEALTH, pages.health, source);
  const samples = readSamples(pages.metrics, new Set([KEY_PACKETS, ...COUNTERS]));
  if (samples.size === 0) throw usageError(`${source} has none of KWIK's metrics`);
  return {
    source,
    kwik: plain(about.kwik),
    node: plain(about.node),
    system: plain(about.system),
    uptimeSeconds: about.uptimeSeconds ?? null,
    status: plain(health.status),
    problems: health.problems.map(plain),
    pins: pinsOf(about.options),
    options: Object.fromEntries(
      Object.entries(about.options)
        .slice(0, MAX_OPTIONS)
        .filter(([, value]) => isSet(value))
        .map(([name, value]) => [plain(name), plain(typeof value === 'string' ? value : JSON.stringify(value))]),
    ),
    packetsPerKey: samples.get(KEY_PACKETS) ?? [],
    counters: Object.fromEntries(COUNTERS.map((name) => [name, samples.get(name) ?? []])),
  };
}

/** What was left as it is says nothing. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
}

function pinsOf(options: Readonly<Record<string, unknown>>): string[] {
  const pins = z.array(z.string()).safeParse(options['pin']);
  return pins.success ? pins.data.slice(0, MAX_OPTIONS).map(plain) : [];
}

function plain(text: string): string {
  return withoutSecrets(oneLine(text, VALUE_CHARACTERS));
}

function parsed<T>(schema: z.ZodType<T>, text: string, source: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw usageError(`${source} is not what a process of KWIK tells of itself`);
  }
}

const SAMPLE = /^([a-z_]{1,100})(?:\{(.{0,2000})\})? (\S{1,40})(?: \d+)?$/u;

/** Samples of the metrics in `wanted`, from Prometheus' text. */
function readSamples(text: string, wanted: ReadonlySet<string>): Map<string, Sample[]> {
  const found = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('kwik_')) continue;
    const [, name = '', labels = '', number = ''] = SAMPLE.exec(line) ?? [];
    const value = Number(number);
    const samples = found.get(name) ?? [];
    if (!wanted.has(name) || !Number.isFinite(value) || samples.length === MAX_SAMPLES) continue;
    found.set(name, [...samples, { labels: plain(labels), value }]);
  }
  return found;
}
