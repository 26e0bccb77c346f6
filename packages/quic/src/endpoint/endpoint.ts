import { randomBytes } from 'node:crypto';
import { KwikError, type PathTransport, type TransportAddress } from '@kwik/wire';
import { Acceptor } from './acceptor.js';
import { backendAddress, reachable, requirePort, resolveHost, transportAddress } from '../socket/address.js';
import { raceAddresses } from './address-race.js';
import type { QuicBackend } from '../backends/backend.js';
import { BoundWatch } from '../routing/bound-watch.js';
import { peerAt } from '../routing/source.js';
import { connectionHost } from './connection-host.js';
import { ConnectionTable } from './connection-table.js';
import { Connection } from '../connection/connection.js';
import type { ConnectionHost } from '../connection/connection-types.js';
import { Demultiplexer } from '../routing/demultiplexer.js';
import { DatagramIntake } from './datagram-intake.js';
import { DatagramOutput } from './datagram-output.js';
import { byDeadline } from './deadline.js';
import { DialPlan } from './dialer.js';
import { Door } from './door.js';
import { EndWatch } from './end-watch.js';
import { type Flow, type FlowOptions, Forwarder } from '../forwarding/forwarder.js';
import { EndpointCounters, type EndpointStats } from '../routing/endpoint-stats.js';
import { endpointReading } from '../routing/endpoint-reading.js';
import { AdmissionControl, type EndpointLimits, resolveLimits } from '../routing/limits.js';
import {
  DEFAULT_DIAL_TIMEOUT_MS,
  type DialOptions,
  type EndpointOptions,
  type ServerOptions,
  withoutUndefined,
} from './options.js';
import { resolveTransport } from '../connection/transport-options.js';
import { type Opening, PacketRouter, type RouterHost } from '../routing/packet-router.js';
import { Outgoing } from './outgoing.js';
import { RouteSizes } from './route-sizes.js';
import { Satellites } from './satellites.js';
import { RetryTokens } from '../routing/retry-token.js';
import { sourceOf } from '../routing/source.js';
import { StatelessReset } from '../routing/stateless-reset.js';
import { TurnLoop } from './turn-loop.js';
import { bindSocket } from './bind-socket.js';
import type { DatagramSocket, DatagramSource } from '../socket/datagram-socket.js';
import { processResources } from './process-resources.js';

const KEY_BYTES = 32;
/** `close` waits this long for close frames to leave; written data may need window and pacing before. */
const CLOSE_TIMEOUT_MS = 2_000;
/** RFC 9000, section 20.1. */
const INTERNAL_ERROR = 0x01;

/** One UDP socket and the QUIC connections on it; it may dial and listen at once. */
export class Endpoint implements AsyncDisposable {
  private readonly backend: QuicBackend;
  private readonly counters = new EndpointCounters();
  private readonly demultiplexer: Demultiplexer<Connection>;
  private readonly ends: EndWatch<Connection>;
  private readonly connections: ConnectionTable;
  private readonly satellites = new Satellites((host) => Endpoint.bind({ ...this.options, host, port: 0 }));
  private readonly loop: TurnLoop<Connection>;
  private readonly admission: AdmissionControl;
  private readonly door: Door<Connection>;
  private readonly router: PacketRouter<Connection, Acceptor>;
  private readonly intake: DatagramIntake;
  private readonly output: DatagramOutput;
  private readonly forwarder: Forwarder;
  private readonly sizes: RouteSizes;
  private readonly connectionHost: ConnectionHost<Connection>;
  private readonly outgoing: Outgoing;
  private readonly tokens: RetryTokens;
  private readonly resets: StatelessReset;
  /** Its counters are found no more. */
  private readonly leave: () => void;
  private acceptor: Acceptor | undefined;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly socket: DatagramSocket,
    private readonly options: EndpointOptions,
    private readonly limits: EndpointLimits,
    holdsUntilListen = false,
    private readonly resources = options.resources ?? processResources(),
    private readonly clock = options.clock ?? resources.clock,
  ) {
    this.demultiplexer = new Demultiplexer<Connection>(randomBytes, options.workers?.worker);
    this.connections = new ConnectionTable(this.demultiplexer);
    this.backend = options.backend ?? resources.backend;
    this.ends = new EndWatch(clock);
    this.admission = new AdmissionControl(limits, clock.now(), new BoundWatch(options.onBound));
    this.door = new Door(this.admission, this.counters);
    this.tokens = new RetryTokens(options.retryKey ?? randomBytes(KEY_BYTES), limits.retryTokenLifeMs);
    this.resets = new StatelessReset(options.resetKey ?? randomBytes(KEY_BYTES), randomBytes);
    this.loop = new TurnLoop(
      clock,
      {
        received: () => this.counters.counts.datagramsReceived,
        readsAtOnce: socket.readsAtOnce,
        turnTime: resources.turnTime,
      },
      () => this.socket.flush(),
      (connection) => this.afterTurn(connection),
      (connection, error) => this.onHandlerError(connection, error),
    );
    this.output = new DatagramOutput(socket, this.counters);
    this.sizes = new RouteSizes(socket, { sizes: resources.datagramSizes, paths: resources.paths }, clock);
    this.forwarder = new Forwarder({ socket, counters: this.counters, limits, now: () => clock.now() });
    this.connectionHost = connectionHost({
      clock,
      counters: this.counters,
      loop: this.loop,
      output: this.output,
      ends: this.ends,
    });
    this.outgoing = new Outgoing({
      ...{ backend: this.backend, resources, sizes: this.sizes, admission: this.admission, limits, clock },
      ...{ demultiplexer: this.demultiplexer, connections: this.connections, counters: this.counters, loop: this.loop },
      connectionHost: this.connectionHost,
      local: () => this.address(),
      requireOpen: () => this.requireOpen(),
    });
    this.router = new PacketRouter(this.makeRouterHost());
    this.intake = new DatagramIntake({ ...options, holds: holdsUntilListen }, this.router, this.counters);
    const { counters } = resources.diagnostics;
    this.leave = counters.add({ kind: 'component', component: 'endpoint', read: () => endpointReading(this.stats()) });
    if (options.ref === false) socket.unref();
    socket.open({
      onDatagram: (datagram, from) => this.intake.take(datagram, from),
      onError: (error) => this.counters.socketError(error.code ?? 'unknown'),
    });
  }

  /**
   * Rejects with `ERR_KWIK_INVALID_ARGUMENT` when the address or port cannot be had, `ERR_KWIK_CONNECT_FAILED` when
   * `host` is a name without an address.
   */
  static async bind(options: EndpointOptions = {}): Promise<Endpoint> {
    const limits = resolveLimits(withoutUndefined(options.limits ?? {}));
    const addresses = await resolveHost(options.host ?? '127.0.0.1', options.lookup);
    return new Endpoint(bindSocket(addresses, options), options, limits);
  }

  /**
   * As `bind`, but within the call and so for a numeric `host`, and to listen: what comes before `listen` waits for it.
   * Throws `ERR_KWIK_INVALID_ARGUMENT`.
   */
  static bindSync(options: EndpointOptions = {}): Endpoint {
    const limits = resolveLimits(withoutUndefined(options.limits ?? {}));
    return new Endpoint(bindSocket([options.host ?? '127.0.0.1'], options), options, limits, true);
  }

  address(): TransportAddress {
    return this.socket.address;
  }

  /**
   * Accepts connections from now on; `onConnection` gets each once its handshake is complete, and attaches to it at
   * once. Throws `ERR_KWIK_CREDENTIALS` for unusable certificates, `ERR_KWIK_INVALID_STATE` the second time.
   */
  listen(options: ServerOptions, onConnection: (transport: PathTransport) => void): void {
    this.requireOpen();
    if (this.acceptor !== undefined) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the endpoint listens already');
    const { workers, retryKey } = this.options;
    this.acceptor = new Acceptor(options, onConnection, this.backend, workers && retryKey);
    this.socket.answerFromEach();
    this.intake.open();
  }

  /** Accepts no more; connections that are there stay. It may listen again. */
  stopListening(): void {
    this.acceptor = undefined;
  }

  /**
   * Forwards the datagrams of a connection between others until `stopForwarding`: those of its client's address to its anchor
   * and back, nothing else. Throws `ERR_KWIK_CONNECT_FAILED` for an anchor of the other address family,
   * `ERR_KWIK_INVALID_ARGUMENT` for an id of another length or in use and for an anchor that is this endpoint or the client,
   * `ERR_KWIK_LIMIT_EXCEEDED` beyond `maxFlows`.
   */
  forward(options: FlowOptions): Flow {
    this.requireOpen();
    return this.forwarder.open(options);
  }

  stopForwarding(flow: Flow): void {
    this.forwarder.close(flow);
  }

  /**
   * Clients of a relay at this numeric address come from there, all of them: bounds on what one address may do are not for it,
   * those on all together are. Until the returned function is called, as often as this was.
   */
  expectRelay(address: string): () => void {
    return this.admission.addRelay(sourceOf(address));
  }

  /** A datagram that another worker got, and that is this one's (`EndpointOptions.workers`); `from` is whoever sent it to that. */
  takeHanded(datagram: Uint8Array, from: DatagramSource): void {
    if (this.closing === undefined) this.router.route(datagram, from, true);
  }

  /** A datagram of the caller's own, for hole punching; `address` is numeric. */
  sendDatagram(datagram: Uint8Array, port: number, address: string): void {
    this.requireOpen();
    this.socket.from().send(datagram, port, address);
  }

  /**
   * A connection to a server whose certificate was found good. Rejects with `ERR_KWIK_CERTIFICATE`,
   * `ERR_KWIK_CONNECT_FAILED`, `ERR_KWIK_CONNECTION_REFUSED`, `ERR_KWIK_TIMEOUT`, `ERR_KWIK_ABORTED`,
   * `ERR_KWIK_CREDENTIALS`, `ERR_KWIK_LIMIT_EXCEEDED` or `ERR_KWIK_INVALID_ARGUMENT`; messages say what to do.
   */
  async dial(options: DialOptions): Promise<PathTransport> {
    this.requireOpen();
    if (options.localAddress !== undefined && options.localAddress !== this.address().address) {
      const endpoint = await this.satellites.get(options.localAddress);
      const { localAddress: _, ...rest } = options;
      return endpoint.dial(rest);
    }
    const deadlineMs = this.clock.now() + (options.timeoutMs ?? DEFAULT_DIAL_TIMEOUT_MS);
    requirePort(options.port);
    const plan = new DialPlan(options, resolveTransport(options.transport), this.resources.certificates);
    plan.throwIfAborted();
    const addresses = await byDeadline(
      resolveHost(options.host, this.options.lookup),
      plan.deadline(this.clock, deadlineMs),
    );
    plan.throwIfAborted();
    const candidates = reachable(options.host, options.port, addresses, this.address());
    // One that begins early is taken before anybody has answered.
    const earlyData = options.earlyData === true && candidates.length === 1;
    return raceAddresses({
      target: plan.target,
      addresses: candidates,
      clock: this.clock,
      signal: options.signal,
      nameOf: ({ address }) => address,
      attempt: (remote, signal) => this.outgoing.connect(plan, { ...options, signal, earlyData }, remote, deadlineMs),
      discard: (transport) => transport.close(0, 'another address was faster'),
    });
  }

  stats(): EndpointStats {
    const { connections, halfOpenConnections } = this.admission;
    const { flows } = this.forwarder;
    return this.counters.snapshot({ connections, halfOpen: halfOpenConnections, flows }, this.socket);
  }

  get closed(): boolean {
    return this.closing !== undefined;
  }

  /** Sends within the call what waits, as far as windows and pacing let it: for a process that is about to end. */
  transmitNow(): void {
    for (const connection of this.connections) connection.transmit(this.clock.now());
    this.socket.flush();
  }

  /** Resolves when what a connection that was closed still had to send has left; after 2 s at the latest. */
  async flushed(transport: PathTransport): Promise<void> {
    if (transport instanceof Connection) await this.ends.wait([transport], CLOSE_TIMEOUT_MS);
  }

  /** Closes all connections and the socket; resolves when close frames have left, after 2 s at the latest. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- Accepting ---

  private accept(acceptor: Acceptor, opening: Opening): Connection {
    const { from, id, originalId } = opening;
    const remote = transportAddress(from);
    const local = from.local === undefined ? this.address() : { ...this.address(), address: from.local };
    const transport = this.sizes.settingsFor(acceptor.transport, remote, 'server');
    const backendConnection = this.backend.accept({
      sourceId: id,
      config: acceptor.configFor(transport, this.resets.token(id)),
      local: backendAddress(local),
      remote: backendAddress(remote),
      ...(originalId === undefined ? {} : { originalId }),
    });
    const party = acceptor.party(opening.firstIds, {
      completed: () => {
        this.counters.counts.accepted += 1;
        this.door.completed(connection);
        this.demultiplexer.removeInitial(opening.initialKey);
      },
      failed: () => {
        this.counters.counts.failedHandshakes += 1;
        this.door.completed(connection);
        this.demultiplexer.removeInitial(opening.initialKey);
      },
    });
    const now = this.clock.now();
    const settings = {
      side: 'server',
      local,
      remote,
      id,
      transport,
      stranger: peerAt(remote.address),
      ...(acceptor.strangerBytes === undefined ? {} : { strangerBytes: acceptor.strangerBytes }),
      handshakeDeadlineMs: now + this.limits.handshakeTimeoutMs,
      onHandshakeTimeout: () => new KwikError('ERR_KWIK_TIMEOUT', 'the client did not finish its handshake'),
    } as const;
    const connection = new Connection(backendConnection, settings, this.connectionHost, party, now);
    this.door.enter(connection, from.address);
    this.connections.add(connection);
    this.demultiplexer.addInitial(opening.initialKey, connection);
    return connection;
  }

  // --- Connections and their turns ---

  private afterTurn(connection: Connection): void {
    if (!connection.ended || connection.lingers || !this.connections.remove(connection)) return;
    this.loop.forget(connection);
    if (connection.side === 'server') this.door.left(connection);
    else this.admission.dialledReleased();
  }

  private onHandlerError(connection: Connection, error: unknown): void {
    this.counters.counts.handlerErrors += 1;
    connection.fail(KwikError.from(error), INTERNAL_ERROR);
    this.loop.wake(connection);
  }

  private makeRouterHost(): RouterHost<Connection, Acceptor> {
    return {
      backend: this.backend,
      demultiplexer: this.demultiplexer,
      admission: this.admission,
      counters: this.counters,
      tokens: this.tokens,
      resets: this.resets,
      passing: this.forwarder,
      steering: this.options.workers,
      acceptor: () => (this.closing === undefined ? this.acceptor : undefined),
      local: this.address(),
      now: () => this.clock.now(),
      send: (datagram, to) => this.socket.from(to.local).send(datagram, to.port, to.address),
      accept: (acceptor, opening) => this.accept(acceptor, opening),
      dialledTo: (address, port) => this.connections.dialledTo(address, port),
    };
  }

  // --- Closing ---

  private requireOpen(): void {
    if (this.closing !== undefined) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the endpoint is closed');
  }

  private async shutDown(): Promise<void> {
    const satellites = this.satellites.close();
    for (const connection of this.connections) connection.shutDown();
    await this.ends.wait(this.connections, CLOSE_TIMEOUT_MS);
    this.loop.stop();
    await this.socket.close();
    this.leave();
    await satellites;
  }
}
