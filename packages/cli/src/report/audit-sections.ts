import { count } from '../ui/units.js';
import { bad, good, list, missing, paragraph, table, type Block } from './document.js';
import type { AuditEvidence, LogEvidence, Reason } from './evidence.js';

const number = (value: number): string => value.toLocaleString('en-US');
const NO_LOG = 'audit logs (--audit).';

export function tokenBlocks(audit: AuditEvidence | null): Block[] {
  if (audit === null) return [missing(`lifetimes of tokens: ${NO_LOG}`)];
  const { issuedTokens: issued, acceptedTokens } = audit;
  const accepted = `${count(acceptedTokens, 'token')} accepted by servers whose logs these are.`;
  if (issued === null) return [paragraph(`No token was issued in the audit logs; ${accepted}`)];
  const lifetimes = [issued.shortestSeconds, issued.meanSeconds, issued.longestSeconds].map(
    (seconds) => `${seconds.toFixed(1)} s`,
  );
  return [
    paragraph(`Each is for one session, server and path, and works once. ${accepted}`),
    table(['Issued', 'Shortest lifetime', 'Mean', 'Longest'], [[number(issued.tokens), ...lifetimes]]),
  ];
}

export function refusalBlocks(audit: AuditEvidence | null): Block[] {
  if (audit === null) return [missing(`refusals and violations by reason: ${NO_LOG}`)];
  const { refusals, violations, unwritten } = audit;
  return [
    ...reasonBlocks('refusal', refusals),
    ...reasonBlocks('violation', violations),
    ...(unwritten === 0
      ? []
      : [bad(`${number(unwritten)} more happened than the log takes of them (one a second in the long run).`)]),
  ];
}

function reasonBlocks(what: string, reasons: readonly Reason[]): Block[] {
  if (reasons.length === 0) return [paragraph(`No ${what} in the audit logs.`)];
  const rows = reasons.map(({ code, count: times, lastAt, lastDetail }) => [code, number(times), lastAt, lastDetail]);
  return [
    paragraph(`Each ${what} in the audit logs, by code:`),
    table(['Code', 'Times', 'Last', 'Last in words'], rows),
  ];
}

export function auditBlocks(audit: AuditEvidence | null): Block[] {
  if (audit === null) return [missing(NO_LOG)];
  return [
    ...audit.logs.flatMap(logBlocks),
    ...(audit.lost === 0 ? [] : [bad(`${number(audit.lost)} entries were lost because the disk was full.`)]),
    paragraph('Entries of all logs:'),
    table(
      ['Kind', 'Entries'],
      Object.entries(audit.kinds).map(([kind, entries]) => [kind, number(entries)]),
    ),
  ];
}

function logBlocks(log: LogEvidence): Block[] {
  const { path, repeated, files, from, to, signed, firstAt, lastAt, key, keyGiven, closed, tornBytes, faults } = log;
  const verdict =
    faults.length === 0
      ? good(`${path}: as it was written.`)
      : bad(`${path}: NOT as it was written: ${count(faults.length, 'fault')}.`);
  return [
    verdict,
    ...(faults.length === 0 ? [] : [list(faults)]),
    table(
      ['Log', path],
      [
        ['entries verified', to === from ? 'none' : `${number(from)} to ${number(to - 1)}, in ${count(files, 'file')}`],
        ['from, to', firstAt === null ? 'none' : `${firstAt} to ${lastAt ?? ''}`],
        ['covered by a signature', to === signed ? 'all' : `all but the last ${number(to - signed)}`],
        ['signed by', `${key ?? 'nobody'}${keyGiven ? '' : ', as the log itself says: give --audit-key to be sure'}`],
        ['end', endText(closed, tornBytes)],
        ...(repeated === 0 ? [] : [['counted', countedText(to - from, repeated)]]),
      ],
    ),
  ];
}

function countedText(entries: number, repeated: number): string {
  const all = repeated >= entries;
  return `${all ? 'none' : `all but ${number(repeated)}`}: the logs above have ${all ? 'all' : 'those'} of them, too`;
}

function endText(closed: boolean, tornBytes: number): string {
  const end = closed ? 'closed by its writer' : 'not closed: it is in use, was interrupted, or its end was cut off';
  return tornBytes === 0 ? end : `${end}; a last line of ${number(tornBytes)} bytes was never finished`;
}
