/** What a metric is: where it is counted, how it is called, and which labels tell its series apart. */
export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** What the values of several processes make together; of a spread, the last label is the quantile. */
  readonly merge: 'sum' | 'largest' | 'spread';
}

const counter = (help: string, ...labels: string[]): MetricEntry => ({ type: 'counter', help, labels, merge: 'sum' });
const gauge = (help: string, ...labels: string[]): MetricEntry => ({ type: 'gauge', help, labels, merge: 'sum' });
const largest = (help: string, ...labels: string[]): MetricEntry => ({ type: 'gauge', help, labels, merge: 'largest' });
const spread = (help: string, ...labels: string[]): MetricEntry => ({ type: 'gauge', help, labels, merge: 'spread' });

/**
 * The closed list of metrics; docs/metrics.md shows it. Base units: seconds, bytes. A label is of a closed set, but for
 * `server`, of which 64 names are told apart: none is a session, an address, or anything else that peers could multiply.
 */
export const METRICS = {
  kwik_sessions: gauge('Sessions that are open now.', 'role'),
  kwik_sessions_opened_total: counter('Sessions that were opened.', 'role'),
  kwik_sessions_closed_total: counter('Sessions that ended, by who ended them.', 'by'),
  kwik_sessions_service: gauge('Sessions that are open now, by their level of service.', 'role', 'level'),
  kwik_streams: gauge('Streams that are open now.', 'role'),
  kwik_real_streams: gauge('QUIC streams that carry packets of this end now.', 'role'),
  kwik_handshakes_total: counter('Attempts to open a session or a path, by outcome.', 'side', 'result'),
  kwik_dials_total: counter('Dials of servers, by what they were.', 'kind'),
  kwik_held_dials_total: counter('Dials that had to wait for their turn, by why.', 'reason'),
  kwik_breaker_changes_total: counter('Circuit breakers of servers that opened or closed.', 'change'),
  kwik_refused_paths_total: counter('Servers that a primary named and the client did not reach, or refused.', 'result'),

  kwik_paths: gauge('Connected paths now, by state.', 'role', 'state'),
  kwik_path_rtt_seconds: spread('Smoothed round-trip time of the paths now.', 'role', 'server', 'quantile'),
  kwik_path_loss_ratio: spread('Packets lost of packets sent lately, 0 to 1.', 'role', 'server', 'quantile'),
  kwik_path_window_bytes: gauge('Windows of the paths now, together.', 'role', 'server'),
  kwik_path_receive_rate_bytes_per_second: gauge('What the paths bring here now, together.', 'role', 'server'),
  kwik_path_bytes_total: counter('Payload of streams, duplicates not counted.', 'role', 'server', 'direction'),
  kwik_path_duplicate_bytes_total: counter('Payload that came although it was there already.', 'role', 'server'),
  kwik_reinjected_bytes_total: counter('Payload sent on a further path while its own had it.', 'role', 'server'),
  kwik_wire_bytes_total: counter('UDP payload of paths.', 'role', 'server', 'direction'),
  kwik_packets_total: counter('QUIC packets sent.', 'role', 'server'),
  kwik_lost_packets_total: counter('QUIC packets declared lost.', 'role', 'server'),
  kwik_key_packets: largest('Packets sent or received under one key, of the connection with most of them.', 'role'),

  kwik_failovers_total: counter('Paths that stopped delivering while streams were open, by the first sign.', 'cause'),
  kwik_failover_gap_seconds: {
    type: 'histogram',
    help: 'From the last packet of a failed path until another could take over.',
    labels: [],
    merge: 'sum',
  },
  kwik_violations_total: counter('Rules that peers broke, by error code.', 'code'),
  kwik_contents_total: counter('Contents from several servers that ended, by outcome.', 'result'),
  kwik_scheduler_decisions_total: counter('Why packets went where they went, or waited.', 'reason'),

  kwik_connections: gauge('QUIC connections now.', 'state'),
  kwik_connections_total: counter('QUIC connections by what became of them.', 'result'),
  kwik_datagrams_total: counter('UDP datagrams.', 'direction'),
  kwik_datagram_bytes_total: counter('UDP payload of all datagrams.', 'direction'),
  kwik_dropped_total: counter('Datagrams and attempts that were dropped.', 'reason'),
  kwik_answers_total: counter('Datagrams sent in answer to no connection.', 'kind'),
  kwik_socket_errors_total: counter('Errors of UDP sockets, by their code.', 'code'),
  kwik_handler_errors_total: counter('Exceptions that closed a connection.'),

  kwik_tokens_total: counter('Path tokens that were shown, by outcome.', 'result'),
  kwik_bounds_total: counter('How often clients met a bound of a listener.', 'bound'),
  kwik_memory_bytes: gauge('What peers make listeners hold.', 'kind'),
  kwik_memory_overdrawn_total: counter('Sessions that were ended because they made this end hold too much.'),
  kwik_callback_errors_total: counter("Exceptions of the application's callbacks."),

  kwik_relay_flows_total: counter('Flows of datagram relays.', 'change'),
  kwik_discovered_servers_total: counter('What discovery learned, and decided.', 'change'),
  kwik_trust_decisions_total: counter('Decisions of access control and of trust in servers.', 'decision'),
  kwik_scaling_steps_total: counter(
    'Decisions of the policy: steps of scaling and degradation.',
    'step',
    'result',
    'decider',
  ),
  kwik_component_count_total: counter('What a further component counts.', 'component', 'family', 'label'),
  kwik_component_level: gauge('What a further component has now.', 'component', 'family', 'label'),

  kwik_workers: gauge('Processes that share the address, by whether they answered this scrape.', 'state'),
  kwik_event_loop_delay_seconds: largest('How late the event loop was since the last scrape.', 'quantile'),
  kwik_scrape_seconds: largest('How long it took to read all counters for this scrape.'),
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof METRICS;

export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

/** Bounds of the histogram's buckets, seconds: around the 3 round trips and 50 ms that a failover may take. */
export const FAILOVER_GAP_BUCKETS = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4] as const;
