import { createFile } from '@kwik/trust';
import { fileError, usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { AdminClient } from '../top/admin-client.js';
import { jsonLine } from '../ui/text.js';
import { packageVersion } from '../version.js';
import { readBundle } from './bundle.js';
import { ENGINE_GAPS, OTHER_GAPS } from './engine-gaps.js';
import type { AuditEvidence, CertificateEvidence, Evidence, Missing, ProcessEvidence } from './evidence.js';
import { toHtml } from './html.js';
import { installedPackages } from './installed-packages.js';
import { toMarkdown } from './markdown.js';
import { readAudits, type AuditSources } from './read-audits.js';
import { readCertificateFiles } from './read-certificates.js';
import { processEvidence } from './read-process.js';
import { documentOf } from './sections.js';
import { TLS } from './tls.js';

export interface ReportOptions extends AuditSources {
  readonly cert: readonly string[];
  /** Port, HOST:PORT or URL of an `--admin` page. */
  readonly admin?: string;
  /** What `kwik support` wrote. */
  readonly support?: string;
  readonly format: 'md' | 'json' | 'html';
  /** A file that is not there yet; standard output without it. */
  readonly out?: string;
}

const TOKEN_VARIABLE = 'KWIK_ADMIN_TOKEN';

/**
 * `kwik report`: evidence for an auditor. Rejects when something that was named cannot be read; what is not as it should be
 * stands in the report, and in the exit status.
 */
export async function runReport(options: ReportOptions, io: CliIo): Promise<ExitCode> {
  const evidence = await gather(options, io, Date.now());
  const text = rendered(evidence, options.format);
  if (options.out === undefined) io.stdout.print(text);
  else {
    await createFile(options.out, text, { mode: 0o600 }).catch((error: unknown) => {
      throw fileError('write', options.out ?? '', error);
    });
    io.stdout.print(
      `${options.out}: ${evidence.sound ? 'what was given is as it should be' : `${evidence.problems.length} problems`}\n`,
    );
  }
  return evidence.sound ? EXIT.ok : EXIT.failed;
}

async function gather(options: ReportOptions, io: CliIo, nowMs: number): Promise<Evidence> {
  const { cert, admin, support } = options;
  if (admin !== undefined && support !== undefined)
    throw usageError('--admin and --support are two sources of the same; give one');
  const [of] = [...options.auditKey, ...options.checkpoint];
  if (options.audit.length === 0 && of !== undefined) {
    const flag = options.auditKey.length > 0 ? '--audit-key' : '--checkpoint';
    throw usageError(`${flag} ${of} is of an audit log: give that with --audit FILE`);
  }
  const audit = await readAudits(options);
  const certificates = cert.length === 0 ? null : await readCertificateFiles(cert, nowMs);
  const process_ = await readProcess(options, io);
  const software = await installedPackages();
  const problems = problemsOf(audit, certificates, process_);
  return {
    format: 'kwik-report/1',
    madeAt: new Date(nowMs).toISOString(),
    madeBy: { kwik: packageVersion(), node: process.version, system: `${process.platform} ${process.arch}` },
    sound: problems.length === 0,
    problems,
    notGiven: notGiven(audit, certificates, process_),
    tls: TLS,
    audit,
    certificates,
    process: process_,
    software,
    engineGaps: ENGINE_GAPS,
    otherGaps: OTHER_GAPS,
  };
}

async function readProcess({ admin, support }: ReportOptions, io: CliIo): Promise<ProcessEvidence | null> {
  if (support !== undefined) return processEvidence(support, await readBundle(support));
  if (admin === undefined) return null;
  const client = new AdminClient(admin, io.env[TOKEN_VARIABLE]);
  const pages = {
    about: await client.text('about'),
    health: await client.text('health'),
    metrics: await client.text('metrics'),
  };
  return processEvidence(admin, pages);
}

function problemsOf(
  audit: AuditEvidence | null,
  certificates: readonly CertificateEvidence[] | null,
  process_: ProcessEvidence | null,
): string[] {
  return [
    ...(audit?.logs ?? [])
      .filter(({ faults }) => faults.length > 0)
      .map(({ path }) => `the audit log ${path} is not as it was written`),
    ...((audit?.lost ?? 0) > 0 ? ['audit entries were lost because the disk was full'] : []),
    ...(certificates ?? []).flatMap(({ file, subject, ageDays, daysLeft }) => {
      if (daysLeft < 0) return [`the certificate of ${subject} (${file}) has expired`];
      return ageDays < 0 ? [`the certificate of ${subject} (${file}) is not valid yet`] : [];
    }),
    ...(process_?.problems ?? []).map((problem) => `the process says: ${problem}`),
  ];
}

/** In the order of the report's sections. */
function notGiven(
  audit: AuditEvidence | null,
  certificates: readonly CertificateEvidence[] | null,
  process_: ProcessEvidence | null,
): Missing[] {
  const suite = 'the engine has no call that tells it; TLS 1.3 it is in any case';
  return [
    { what: 'cipher suite of each connection', how: suite },
    ...(certificates === null ? [{ what: 'certificates and authorities in files', how: '--cert FILE' }] : []),
    ...(audit === null
      ? [
          {
            what: 'audit logs: sessions, certificates in use, lifetimes of tokens, refusals by reason',
            how: '--audit FILE, of a server with --audit',
          },
        ]
      : []),
    ...(audit?.logs.some(({ keyGiven }) => !keyGiven) === true
      ? [
          {
            what: 'proof of who signed an audit log',
            how: '--audit-key, with what kwik audit key printed when the log was new',
          },
        ]
      : []),
    ...(process_ === null
      ? [
          {
            what: 'a running process: packets per key, counters, options, health',
            how: '--admin ADDRESS, or --support with what kwik support wrote',
          },
        ]
      : []),
    ...(process_ !== null && process_.pins.length === 0
      ? [
          {
            what: 'pins that the process accepts',
            how: 'it was started without --pin; what it accepts is what its --ca names',
          },
        ]
      : []),
  ];
}

function rendered(evidence: Evidence, format: ReportOptions['format']): string {
  switch (format) {
    case 'json':
      return `${jsonLine(evidence)}\n`;
    case 'html':
      return toHtml(documentOf(evidence));
    case 'md':
      return toMarkdown(documentOf(evidence));
  }
}
