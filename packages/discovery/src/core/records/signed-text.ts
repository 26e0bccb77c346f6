import type { RecordSignature, ServerRecord } from '@kwik/wire';

/** So that no signature for anything else can pass for one over a record, nor one of another service's record. */
const CONTEXT = 'kwik server record v1';

/**
 * What a signature covers: all that the record says, but for load, which changes by the second and proves nothing. Lists keep
 * their order; attributes are sorted by name.
 */
export function signedText(
  service: string,
  record: ServerRecord,
  { issuedMs, expiresMs }: Pick<RecordSignature, 'issuedMs' | 'expiresMs'>,
): string {
  const attributes = [...record.attributes].sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([
    CONTEXT,
    service,
    record.serverId,
    record.addresses,
    record.capabilities,
    record.region,
    record.zone,
    record.tags,
    record.weight,
    record.priority,
    record.accepting,
    record.serverName ?? null,
    record.pin ?? null,
    attributes,
    issuedMs,
    expiresMs,
  ]);
}
