import { z } from 'zod';

/**
 * What draft-ietf-quic-qlog-main-schema and draft-ietf-quic-qlog-quic-events (13 of both) ask of the records that are written
 * here, made from their text: they publish CDDL, and neither a validator of qlog nor one of CDDL is to be had from the npm
 * registry. The package `cddl` there only parses; docs/operations.md says what was checked with it by hand.
 */
const headerSchema = z.strictObject({
  file_schema: z.literal('urn:ietf:params:qlog:file:sequential'),
  serialization_format: z.literal('application/qlog+json-seq'),
  title: z.string().optional(),
  description: z.string().optional(),
  trace: z.strictObject({
    title: z.string().optional(),
    description: z.string().optional(),
    // What differs between events must not stand here, such as their groups.
    common_fields: z.strictObject({
      time_format: z.literal('relative_to_epoch'),
      reference_time: z.strictObject({
        clock_type: z.literal('monotonic'),
        epoch: z.literal('unknown'),
        wall_clock_time: z.iso.datetime(),
      }),
    }),
    vantage_point: z.strictObject({ name: z.string().optional(), type: z.enum(['client', 'server']) }),
    event_schemas: z.array(z.string().regex(/^urn:/u)).min(1),
  }),
});

const uint = z.int().nonnegative();
const ms = z.number().nonnegative();
const path = { path_id: uint, address: z.string(), server: z.string().optional() };

/** Growth, or all of a session. */
const traffic = {
  sent: uint.optional(),
  received: uint.optional(),
  duplicate: uint.optional(),
  wire_sent: uint.optional(),
  wire_received: uint.optional(),
  packets_sent: uint.optional(),
  packets_lost: uint.optional(),
};

const DATA: Readonly<Record<string, z.ZodType>> = {
  'quic:recovery_metrics_updated': z.strictObject({
    min_rtt: ms.optional(),
    smoothed_rtt: ms.optional(),
    latest_rtt: ms.optional(),
    rtt_variance: ms.optional(),
    congestion_window: uint.optional(),
    bytes_in_flight: uint.optional(),
  }),
  'quic:mtu_updated': z.strictObject({ old: uint.optional(), new: uint, done: z.boolean().optional() }),
  'quic:connection_closed': z.strictObject({
    initiator: z.enum(['local', 'remote']).optional(),
    reason: z.string().optional(),
    trigger: z
      .enum(['idle_timeout', 'application', 'error', 'version_mismatch', 'stateless_reset', 'aborted', 'unspecified'])
      .optional(),
  }),
  'kwik:session_opened': z.strictObject({ role: z.enum(['client', 'primary', 'secondary']) }),
  'kwik:session_closed': z.strictObject({
    by: z.enum(['local', 'peer', 'error']),
    code: uint,
    reason: z.string(),
    error_code: z.string().optional(),
    duration: ms,
    ...traffic,
  }),
  'kwik:path_state_updated': z.strictObject({ ...path, primary: z.boolean(), new: z.string(), reason: z.string() }),
  'kwik:path_failover': z.strictObject({ ...path, cause: z.string(), gap: ms, reason: z.string() }),
  'kwik:path_refused': z.strictObject({ address: z.string(), error_code: z.string(), reason: z.string() }),
  'kwik:peer_violation': z.strictObject({ ...path, error_code: z.string(), reason: z.string() }),
  'kwik:path_traffic': z.strictObject({ path_id: uint, ...traffic }),
  'kwik:path_use_updated': z.strictObject({
    path_id: uint,
    flow: z.enum(['steady', 'stalled', 'settling']),
    unused: z.string(),
  }),
  'kwik:reinjection': z.strictObject({ path_id: uint, bytes: uint }),
  'kwik:scheduling': z.strictObject({ decisions: z.record(z.string(), uint) }),
  'kwik:content_started': z.strictObject({ stream_id: uint, bytes: uint, sources: uint }),
  'kwik:content_finished': z.strictObject({
    stream_id: uint,
    bytes: uint,
    error_code: z.string().optional(),
    reason: z.string().optional(),
  }),
  'kwik:records_dropped': z.strictObject({ records: uint }),
  'kwik:file_full': z.strictObject({ bytes: uint }),
};

const eventSchema = z.strictObject({
  time: z.number().nonnegative(),
  name: z.string(),
  group_id: z.string().min(1),
  data: z.record(z.string(), z.unknown()),
});

export interface CheckedQlog {
  readonly header: z.infer<typeof headerSchema>;
  readonly events: readonly z.infer<typeof eventSchema>[];
}

/** Throws for anything that the drafts do not allow: framing (RFC 7464), header, names, members, times that go back. */
export function checkQlog(text: string): CheckedQlog {
  if (!text.startsWith('\u001e') || !text.endsWith('\n')) throw new Error('no JSON text sequence');
  const [first, ...rest] = text.slice(1).split('\u001e');
  const header = headerSchema.parse(JSON.parse(first ?? ''));
  let lastMs = 0;
  const events = rest.map((record) => {
    const event = eventSchema.parse(JSON.parse(record));
    const schema = DATA[event.name];
    if (schema === undefined) throw new Error(`${event.name} is in no schema`);
    schema.parse(event.data);
    if (event.time < lastMs) throw new Error(`${event.name} goes back in time`);
    lastMs = event.time;
    return event;
  });
  return { header, events };
}
