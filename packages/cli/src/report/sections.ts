import { count } from '../ui/units.js';
import { auditBlocks, refusalBlocks, tokenBlocks } from './audit-sections.js';
import { ENGINE } from './engine-gaps.js';
import { bad, good, heading, list, missing, paragraph, table, type Block, type Document } from './document.js';
import type { CertificateEvidence, Evidence, ProcessEvidence, Sample } from './evidence.js';

/** RFC 9001, section 6.6, for AES-GCM. */
const PACKETS_PER_KEY_LIMIT = 2 ** 23;
const number = (value: number): string => value.toLocaleString('en-US');

/** The report as people read it. */
export function documentOf(evidence: Evidence): Document {
  const { madeAt, madeBy, audit, certificates, process } = evidence;
  return {
    title: 'KWIK: evidence for an audit',
    blocks: [
      paragraph(`Made ${madeAt} by kwik ${madeBy.kwik}, Node.js ${madeBy.node}, ${madeBy.system}.`),
      ...summary(evidence),
      heading('TLS'),
      ...tlsBlocks(evidence),
      heading('Certificates and pins'),
      ...certificateBlocks(certificates, evidence),
      heading('Packets per key'),
      ...keyBlocks(process),
      heading('Path tokens'),
      ...tokenBlocks(audit),
      ...counterBlocks(process, ['kwik_tokens_total']),
      heading('Refusals and violations'),
      ...refusalBlocks(audit),
      ...counterBlocks(process, REFUSAL_COUNTERS),
      heading('Audit logs'),
      ...auditBlocks(audit),
      heading('The running process'),
      ...processBlocks(process),
      heading('Known gaps of the QUIC engine'),
      ...gapBlocks(evidence),
      heading('Software (SBOM)'),
      ...softwareBlocks(evidence),
    ],
  };
}

const REFUSAL_COUNTERS = [
  'kwik_handshakes_total',
  'kwik_refused_paths_total',
  'kwik_violations_total',
  'kwik_trust_decisions_total',
  'kwik_dropped_total',
  'kwik_bounds_total',
];

function summary({ sound, problems, notGiven }: Evidence): Block[] {
  const verdict = sound
    ? good('All that was given is as it should be.')
    : bad(`${count(problems.length, 'thing')} that ${problems.length === 1 ? 'is' : 'are'} not as they should be:`);
  const missed: Block[] =
    notGiven.length === 0
      ? []
      : [
          paragraph('What this report could not show:'),
          table(
            ['Not given', 'Why, or how to have it'],
            notGiven.map(({ what, how }) => [what, how]),
          ),
        ];
  return [verdict, ...(sound ? [] : [list(problems)]), ...missed];
}

function tlsBlocks({ audit, tls }: Evidence): Block[] {
  const opened = audit?.kinds['session-opened'];
  const mechanisms = Object.entries(audit?.mechanisms ?? {});
  return [
    paragraph(tls.why),
    missing(
      `the cipher suite of each connection: the engine does not tell it. It has ${tls.suitesPossible.join(', ')}.`,
    ),
    ...(opened === undefined
      ? []
      : [
          paragraph(`${count(opened, 'session')} in the audit logs, all over TLS 1.3. How their peers authenticated:`),
          table(
            ['Mechanism', 'Sessions'],
            mechanisms.map(([name, sessions]) => [name, number(sessions)]),
          ),
        ]),
  ];
}

function certificateBlocks(
  certificates: readonly CertificateEvidence[] | null,
  { audit, process, madeAt }: Evidence,
): Block[] {
  const seen = audit?.certificates ?? [];
  const signers = audit?.signers ?? [];
  const blocks: Block[] = [];
  if (certificates === null) blocks.push(missing('certificate files (--cert).'));
  for (const one of certificates ?? []) {
    blocks.push(
      table(
        [one.authority ? 'Authority' : 'Certificate', one.subject],
        [
          ['file', one.file],
          ['issuer', one.issuer],
          ['names', one.names === '' ? 'none' : one.names],
          ['key', one.key],
          ['pin (SHA-256 of its key)', one.pin],
          ['fingerprint (SHA-256)', one.fingerprint],
          ['valid', `${one.from} to ${one.until}`],
          [
            'age',
            `${number(one.ageDays)} days; ${one.daysLeft < 0 ? `EXPIRED ${number(-one.daysLeft)} days ago` : `${number(one.daysLeft)} days left`}`,
          ],
        ],
      ),
    );
  }
  if (seen.length > 0) {
    const rows = seen.map(({ what, seenAt, pin, from, until }) => [
      seenAt,
      what,
      pin,
      from,
      until,
      ageText(from, madeAt),
    ]);
    blocks.push(paragraph('Certificates that servers showed, in the audit logs:'));
    blocks.push(table(['Since', 'What', 'Pin (SHA-256 of its key)', 'Valid from', 'Until', 'Age'], rows));
  }
  if (signers.length > 0) {
    blocks.push(paragraph('Keys that sign path tokens, in the audit logs:'));
    blocks.push(
      table(
        ['Since', 'Public key (Ed25519)'],
        signers.map(({ seenAt, key }) => [seenAt, key]),
      ),
    );
  }
  if (process !== null && process.pins.length > 0) {
    blocks.push(paragraph('Pins that the process accepts:'), list(process.pins));
  }
  return blocks;
}

function ageText(from: string, at: string): string {
  return `${number(Math.floor((Date.parse(at) - Date.parse(from)) / 86_400_000))} days`;
}

function keyBlocks(process: ProcessEvidence | null): Block[] {
  const limit = paragraph(
    `The limit is ${number(PACKETS_PER_KEY_LIMIT)} packets under one key (RFC 9001, section 6.6). A path gets a new connection, ` +
      'with new keys, at half of the limit that is set (limits.packetsPerKey), or after its life.',
  );
  if (process === null) return [limit, missing('packets per key (--admin or --support).')];
  const rows = process.packetsPerKey.map(({ labels, value }) => [
    labels,
    number(value),
    percent(value / PACKETS_PER_KEY_LIMIT),
  ]);
  return [limit, table(['Connection with most packets, by role', 'Packets', 'Of the limit'], rows)];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function counterBlocks(process: ProcessEvidence | null, names: readonly string[]): Block[] {
  if (process === null) return [missing(`counters of a running process (--admin or --support): ${names.join(', ')}.`)];
  const rows = names.flatMap((name) =>
    counted(process.counters[name] ?? []).map(({ labels, value }) => [name, labels, number(value)]),
  );
  if (rows.length === 0) return [paragraph(`All counters of the process are 0: ${names.join(', ')}.`)];
  return [paragraph('Counters of the process that are not 0:'), table(['Metric', 'Labels', 'Count'], rows)];
}

function counted(samples: readonly Sample[]): Sample[] {
  return samples.filter(({ value }) => value !== 0);
}

function processBlocks(process: ProcessEvidence | null): Block[] {
  if (process === null) return [missing('a running process (--admin, or a bundle of kwik support with --support).')];
  const { source, kwik, node, system, uptimeSeconds, status, problems, options } = process;
  const uptime = uptimeSeconds === null ? 'not said' : `${number(uptimeSeconds)} s`;
  return [
    table(
      ['Process', source],
      [
        ['kwik', kwik],
        ['Node.js', node],
        ['system', system],
        ['runs for', uptime],
        ['health', status],
      ],
    ),
    ...(problems.length === 0 ? [] : [list(problems)]),
    paragraph('Its options, without secrets:'),
    table(['Option', 'Value'], Object.entries(options)),
  ];
}

function gapBlocks({ engineGaps, otherGaps, software }: Evidence): Block[] {
  const engine =
    software.packages.find(({ name }) => name === ENGINE.name)?.version ?? 'of a version that was not found';
  const other = missing(`the known gaps of ${ENGINE.name} ${engine}: this list is of ${ENGINE.version}.`);
  return [
    ...(engine === ENGINE.version ? [] : [other]),
    paragraph(
      'The engine is @matrixai/quic with quiche 0.18. It has known problems that later versions of quiche mend; the driver of KWIK ' +
        'bounds them from outside where the table says so. They are not gone.',
    ),
    table(
      ['Problem', 'What it is', 'What bounds it here'],
      engineGaps.map(({ id, problem, bound }) => [id, problem, bound]),
    ),
    paragraph('Besides the engine:'),
    list(otherGaps),
  ];
}

function softwareBlocks({ software: { packages, missing: absent, cut } }: Evidence): Block[] {
  const rows = packages.map(({ name, version, licence }) => [name, version, licence]);
  return [
    paragraph(
      `${count(packages.length, 'package')} installed for the command that made this report, with what they depend on.`,
    ),
    ...(cut ? [bad('there are more packages than were listed.')] : []),
    ...(absent.length === 0 ? [] : [missing(`packages that are needed and were not found: ${absent.join(', ')}.`)]),
    table(['Package', 'Version', 'Licence'], rows),
  ];
}
