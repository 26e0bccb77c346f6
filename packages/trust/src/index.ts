export { AccessPolicy, type AccessCounts, type AccessPolicyConfig } from './access/access-policy.js';
export { CedarAccess, type CedarPolicies } from './access/cedar/cedar-access.js';
export type { CedarEngine } from './access/cedar/cedar-engine.js';
export { ViolationAlerts, type AlertStats, type ViolationAlertOptions } from './alerts/violation-alerts.js';
export { WebhookQueue, type WebhookOptions } from './alerts/webhook-queue.js';
export { auditKey } from './audit/audit-key.js';
export { AuditLog, type AuditLogOptions, type AuditLogStats, type AuditRuntime } from './audit/audit-log.js';
export { AuditSender, type AuditSenderOptions } from './audit/audit-sender.js';
export { identifyAuditLog, type AuditLogIdentity } from './audit/identify-log.js';
export type { LogDisk, LogHandle } from './audit/log-file.js';
export type { LogEntry } from './audit/log-lines.js';
export type { AuditFault } from './audit/log-verifier.js';
export type { FsyncPolicy } from './audit/log-writer.js';
export { SharedAuditLog, type SharedAuditLogOptions } from './audit/shared-audit-log.js';
export { createFile } from './files/replace-file.js';
export { verifyAuditLog, type AuditVerification, type VerifyAuditOptions } from './audit/verify-log.js';
export { leafHash, type Hash } from './merkle/hashes.js';
export {
  consistencyProof,
  inclusionProof,
  merkleRoot,
  verifyConsistency,
  verifyInclusion,
  type Consistency,
  type Inclusion,
} from './merkle/proofs.js';
export { parseCheckpoint, type SignedCheckpoint } from './notes/checkpoint.js';
export { cosign } from './notes/signed-note.js';
export { parseNoteKey, type NoteKey } from './notes/note-key.js';
export { reportReputation, SharedReputation, type Reporter } from './servers/reputation.js';
export { KeptTrustScores, type KeptTrustScoresOptions } from './servers/kept-scores.js';
export type { Standing } from './servers/server-record.js';
export { TrustScores, type ServerStanding, type TrustScoresOptions } from './servers/trust-scores.js';
export type { TrustScorePolicyConfig } from './servers/trust-policy.js';
