import { readFileSync } from 'node:fs';
import { CddlChecker } from './cddl-checker.js';
import { parseCddl, type CddlRules } from './cddl-parser.js';

/**
 * What qlogs are checked against: the CDDL of draft-ietf-quic-qlog-main-schema and draft-ietf-quic-qlog-quic-events (13 of
 * both) as published, and KWIK's own beside it.
 */
const SCHEMAS = [
  new URL('qlog/main-schema.cddl', import.meta.url),
  new URL('qlog/quic-events.cddl', import.meta.url),
  new URL('../../../../docs/operations/qlog/kwik-events.cddl', import.meta.url),
];

export interface QlogEventRecord {
  readonly time: number;
  readonly name: string;
  readonly group_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface CheckedQlog {
  readonly header: {
    readonly trace: {
      readonly common_fields: { readonly reference_time: { readonly wall_clock_time: string } };
      readonly vantage_point: object;
      readonly event_schemas: readonly string[];
    };
  };
  readonly events: readonly QlogEventRecord[];
}

/** The rules of all three; an event's is found by its name in any letters: kwik:path_traffic has KwikPathTraffic. */
export class QlogSchema {
  readonly #rules: CddlRules = parseCddl(SCHEMAS.map((file) => readFileSync(file, 'utf8')).join('\n'));
  readonly #checker = new CddlChecker(this.#rules);
  readonly #ruleNames = new Map(Array.from(this.#rules.keys(), (name) => [name.toLowerCase(), name]));

  /** Names of the rules for KWIK's own events. */
  get ownEvents(): readonly string[] {
    const rule = this.#rules.get('KwikEventData');
    return rule?.kind === 'choice' ? rule.of.flatMap((type) => (type.kind === 'name' ? [type.name] : [])) : [];
  }

  /** The rule for an event's data. Throws when there is none. */
  ruleOf(event: string): string {
    const rule = this.#ruleNames.get(event.replace(/[:_]/gu, ''));
    if (rule === undefined) throw new Error(`${event} is in no schema`);
    return rule;
  }

  /** Throws for a value that is not as the rule says. */
  check(rule: string, value: unknown): void {
    const fault = this.#checker.fault(rule, value);
    if (fault !== undefined) throw new Error(fault);
  }

  /** Throws for an event that is not one, or whose data is not that of its name. */
  checkEvent(event: QlogEventRecord): void {
    this.check(this.ruleOf(event.name), event.data);
    this.check('Event', event);
  }
}

/** Throws for anything that the drafts do not allow: framing (RFC 7464), header, names, members, times that go back. */
export function checkQlog(text: string, schema = new QlogSchema()): CheckedQlog {
  if (!text.startsWith('\u001e') || !text.endsWith('\n')) throw new Error('no JSON text sequence');
  const [header, ...events] = text
    .slice(1)
    .split('\u001e')
    .map((record): unknown => JSON.parse(record));
  schema.check('QlogFileSeq', header);
  let lastMs = 0;
  for (const event of events as QlogEventRecord[]) {
    schema.checkEvent(event);
    if (event.time < lastMs) throw new Error(`${event.name} goes back in time`);
    lastMs = event.time;
  }
  return { header: header as CheckedQlog['header'], events: events as QlogEventRecord[] };
}
