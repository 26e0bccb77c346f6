import type { KeyObject } from 'node:crypto';
import { checkArgument, checkOptions, KwikError, optionRules } from '@kwik/wire';
import { z } from 'zod';
import { parseNoteKey, type NoteKey } from '../notes/note-key.js';
import { NoteSigner, parseNote, signedBy } from '../notes/signed-note.js';
import type { TrustScores } from './trust-scores.js';

const FORMAT = 'kwik-reputation/1';
const MAX_SERVERS = 1000;
/** A report stands for a server's whole past, so it is worth no more than a handful of what one sees oneself. */
const MAX_WEIGHT = 10;
/** Older ones say little, and a clock may be so much ahead. */
const MAX_AGE_MS = 24 * 3600 * 1000;
const CLOCK_SKEW_MS = 60_000;

const REPORT = z.strictObject({
  atMs: z.number().int().positive(),
  servers: z
    .array(
      z.strictObject({
        pin: z.string().regex(/^[0-9a-f]{64}$/u),
        good: z.number().min(0).max(1e9),
        bad: z.number().min(0).max(1e9),
      }),
    )
    .max(MAX_SERVERS),
});

/** What this end saw of servers, as a signed note that others may believe. Nothing is said of servers that it never used. */
export function reportReputation(
  scores: TrustScores,
  pins: readonly string[],
  signer: { readonly name: string; readonly key: KeyObject },
  nowMs: number,
): string {
  checkArgument('reportReputation', 'scores', scores, scoresRule);
  checkArgument('reportReputation', 'pins', pins, listOf(text));
  checkArgument('reportReputation', 'nowMs', nowMs, optionRules.positive);
  const servers = pins.slice(0, MAX_SERVERS).flatMap((pin) => {
    const evidence = scores.evidence(pin, nowMs);
    return evidence === undefined ? [] : [{ pin: pin.toLowerCase(), good: evidence.good, bad: evidence.bad }];
  });
  return new NoteSigner(signer.name, signer.key).sign(`${FORMAT}\n${JSON.stringify({ atMs: nowMs, servers })}\n`);
}

export interface Reporter {
  /** `name+id+key` of who signs. */
  readonly key: string;
  /** How far it is believed, 0 to 1. */
  readonly weight: number;
  /** SHA-256 of its TLS key, when it is a server itself: its word about itself counts for nothing. */
  readonly pin?: string;
}

const { group, listOf, objectWith, share, text } = optionRules;
const REPORTER = group<Reporter>({ key: text, weight: share, pin: text }, ['key', 'weight']);
const scoresRule = objectWith('addReported', 'evidence');

interface Known extends Reporter {
  readonly noteKey: NoteKey;
  /** Time of the last report; older ones are replays. */
  lastMs: number;
}

/** Takes reports of those that are believed into the scores: signed, new, of others, and of a bounded weight. */
export class SharedReputation {
  readonly #scores: TrustScores;
  readonly #reporters: readonly Known[];

  /** Throws ERR_KWIK_CREDENTIALS for a key that is none, ERR_KWIK_INVALID_ARGUMENT for what is no reporter. */
  constructor(scores: TrustScores, reporters: readonly Reporter[]) {
    checkArgument('SharedReputation', 'scores', scores, scoresRule);
    checkArgument('SharedReputation', 'reporters', reporters, listOf(optionRules.anObject));
    for (const one of reporters) checkOptions(one, { call: 'SharedReputation', root: REPORTER });
    this.#scores = scores;
    this.#reporters = reporters.map((one) => ({ ...one, noteKey: parseNoteKey(one.key), lastMs: 0 }));
  }

  /**
   * Returns how many servers the report says something of. Throws ERR_KWIK_PERMISSION_DENIED for one that nobody signed who is
   * believed, ERR_KWIK_INVALID_MESSAGE for one that is broken, old, from the future, or not newer than the last.
   */
  take(report: string, nowMs: number): number {
    const note = parseNote(report);
    const reporter = this.#reporters.find(({ noteKey }) => signedBy(note, noteKey));
    if (reporter === undefined) {
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', 'nobody signed the report whose reports are believed');
    }
    const { atMs, servers } = readReport(note.text);
    if (atMs < nowMs - MAX_AGE_MS || atMs > nowMs + CLOCK_SKEW_MS) throw broken('it is not of the last day');
    if (atMs <= reporter.lastMs) throw broken('a newer one of the same reporter came before');
    reporter.lastMs = atMs;
    const others = servers.filter(({ pin }) => pin !== reporter.pin?.toLowerCase());
    for (const { pin, good, bad } of others) {
      const share = (reporter.weight * Math.min(MAX_WEIGHT, good + bad)) / Math.max(1, good + bad);
      this.#scores.addReported(pin, good * share, bad * share, nowMs);
    }
    return others.length;
  }
}

function readReport(text: string): z.infer<typeof REPORT> {
  const [format, json = ''] = text.split('\n');
  if (format !== FORMAT) throw broken(`it is no ${FORMAT}`);
  try {
    return REPORT.parse(JSON.parse(json));
  } catch (error) {
    throw broken(error instanceof Error ? error.message : 'it cannot be read');
  }
}

function broken(how: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_MESSAGE', `the report of servers cannot be used: ${how}`);
}
