/** What `kwik report` found; `--format json` prints it as it is. What could not be had is null, and stands in `notGiven`. */
export interface Evidence {
  readonly format: 'kwik-report/1';
  readonly madeAt: string;
  readonly madeBy: { readonly kwik: string; readonly node: string; readonly system: string };
  /** False where something that was given is not as it should be; `problems` says what. */
  readonly sound: boolean;
  readonly problems: readonly string[];
  readonly notGiven: readonly Missing[];
  readonly tls: TlsEvidence;
  readonly audit: AuditEvidence | null;
  readonly certificates: readonly CertificateEvidence[] | null;
  readonly process: ProcessEvidence | null;
  readonly software: SoftwareEvidence;
  readonly engineGaps: readonly Gap[];
  readonly otherGaps: readonly string[];
}

/** The same of every connection: see `TLS` in tls.ts. */
export interface TlsEvidence {
  readonly versions: readonly string[];
  readonly why: string;
  /** The engine does not tell the suite of a connection. */
  readonly suitesSeen: null;
  readonly suitesPossible: readonly string[];
}

export interface Missing {
  readonly what: string;
  /** How to have it the next time, or why nobody can. */
  readonly how: string;
}

export interface LogEvidence {
  readonly path: string;
  /** Of its entries those that stand in a log before it, too, which is another copy of the same: they are counted once. */
  readonly repeated: number;
  readonly files: number;
  /** `name+id+key` of who signed it, and whether that key was among those that the auditor gave. */
  readonly key: string | null;
  readonly keyGiven: boolean;
  /** Entries `from` up to and without `to` were read; a valid checkpoint covers those below `signed`. */
  readonly from: number;
  readonly to: number;
  readonly signed: number;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  readonly closed: boolean;
  readonly tornBytes: number;
  readonly faults: readonly string[];
}

/** How often something happened, and an example of it. */
export interface Reason {
  readonly code: string;
  readonly count: number;
  readonly lastAt: string;
  readonly lastDetail: string;
}

export interface SeenCertificate {
  readonly what: string;
  readonly seenAt: string;
  /** SHA-256 of its public key, hexadecimal. */
  readonly pin: string;
  readonly from: string;
  readonly until: string;
}

export interface Lifetimes {
  readonly tokens: number;
  readonly shortestSeconds: number;
  readonly meanSeconds: number;
  readonly longestSeconds: number;
}

export interface AuditEvidence {
  readonly logs: readonly LogEvidence[];
  /** How many entries of each kind. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Sessions that were opened, by how the peer authenticated. */
  readonly mechanisms: Readonly<Record<string, number>>;
  readonly certificates: readonly SeenCertificate[];
  /** Public keys that sign path tokens. */
  readonly signers: readonly { readonly key: string; readonly seenAt: string }[];
  readonly issuedTokens: Lifetimes | null;
  readonly acceptedTokens: number;
  readonly refusals: readonly Reason[];
  /** Refusals and violations beyond what the log takes of them. */
  readonly unwritten: number;
  readonly violations: readonly Reason[];
  /** Entries that a full disk cost. */
  readonly lost: number;
}

export interface CertificateEvidence {
  readonly file: string;
  readonly subject: string;
  readonly issuer: string;
  readonly names: string;
  readonly authority: boolean;
  readonly key: string;
  readonly pin: string;
  readonly fingerprint: string;
  readonly from: string;
  readonly until: string;
  readonly ageDays: number;
  /** Below 0: it has expired. */
  readonly daysLeft: number;
}

export interface Sample {
  readonly labels: string;
  readonly value: number;
}

export interface ProcessEvidence {
  /** Where it was read: an admin page, or a bundle of `kwik support`. */
  readonly source: string;
  readonly kwik: string;
  readonly node: string;
  readonly system: string;
  readonly uptimeSeconds: number | null;
  readonly status: string;
  readonly problems: readonly string[];
  /** SHA-256 of the keys that it accepts, as it was started. */
  readonly pins: readonly string[];
  /** As it was started, without secrets. */
  readonly options: Readonly<Record<string, string>>;
  /** By role: packets under one key, of the connection that has most. */
  readonly packetsPerKey: readonly Sample[];
  /** Counters by the name of their metric; see docs/metrics.md. */
  readonly counters: Readonly<Record<string, readonly Sample[]>>;
}

export interface SoftwarePackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Package URL. */
  readonly purl: string;
}

export interface SoftwareEvidence {
  readonly packages: readonly SoftwarePackage[];
  /** Needed by one of them, and not found. */
  readonly missing: readonly string[];
  /** Whether there are more than were listed. */
  readonly cut: boolean;
}

/** A known problem of the QUIC engine. */
export interface Gap {
  readonly id: string;
  readonly problem: string;
  readonly bound: string;
}
