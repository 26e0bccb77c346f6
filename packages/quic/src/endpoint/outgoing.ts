import { KwikError, type Clock, type PathTransport, type TransportAddress } from '@kwik/wire';
import type { BackendConfig, BackendConnection, QuicBackend } from '../backends/backend.js';
import { Connection } from '../connection/connection.js';
import type { ConnectionHost } from '../connection/connection-types.js';
import type { Demultiplexer } from '../routing/demultiplexer.js';
import type { EndpointCounters } from '../routing/endpoint-stats.js';
import type { AdmissionControl, EndpointLimits } from '../routing/limits.js';
import { backendAddress } from '../socket/address.js';
import type { ConnectionTable } from './connection-table.js';
import type { DialPlan, DialSettle, Resuming } from './dialer.js';
import type { DialOptions } from './options.js';
import type { ProcessResources } from './process-resources.js';
import { probeRefusal } from './refusal-probe.js';
import { backendSettings, type RouteSizes } from './route-sizes.js';
import type { TurnLoop } from './turn-loop.js';

/** What dialled connections need of their endpoint. */
interface OutgoingHost {
  readonly backend: QuicBackend;
  readonly resources: ProcessResources;
  readonly sizes: RouteSizes;
  readonly admission: AdmissionControl;
  readonly limits: EndpointLimits;
  readonly clock: Clock;
  readonly demultiplexer: Demultiplexer<Connection>;
  readonly connections: ConnectionTable;
  readonly counters: EndpointCounters;
  readonly loop: TurnLoop<Connection>;
  readonly connectionHost: ConnectionHost<Connection>;
  local(): TransportAddress;
  requireOpen(): void;
}

interface Begun {
  readonly backendConnection: BackendConnection;
  readonly resuming: Resuming;
}

/** The attempts of one dial have signals of their own. */
type AttemptOptions = Omit<DialOptions, 'signal'> & { readonly signal: AbortSignal | undefined };

/** The dialling half of an endpoint. */
export class Outgoing {
  constructor(private readonly host: OutgoingHost) {}

  /** One attempt at one address. Rejects as `Endpoint.dial` does. */
  async connect(
    plan: DialPlan,
    options: AttemptOptions,
    remote: TransportAddress,
    deadlineMs: number,
  ): Promise<PathTransport> {
    const { host } = this;
    host.requireOpen();
    const transport = host.sizes.settingsFor(plan.transport, remote, 'client');
    const ofBackend = backendSettings(transport);
    const config = host.resources
      .configsOf(host.backend)
      .get(plan.configParts(ofBackend), () => plan.createConfig(host.backend, ofBackend));
    if (!host.admission.dialled()) {
      const text = `the endpoint has its ${host.limits.maxConnections} connections (limits.maxConnections)`;
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', text);
    }
    const id = options.connectionId ?? host.demultiplexer.newId(options.worker);
    const { backendConnection, resuming } = this.begin(plan, remote, id, config, options.earlyData === true);
    return new Promise((resolve, reject) => {
      const unlisten = (): void => options.signal?.removeEventListener('abort', onAbort);
      let tellAnswered = (_hasAnswered: boolean): void => undefined;
      const settle: DialSettle = {
        opened: (ready) => {
          unlisten();
          if (ready.halfOpen) ready.answered = new Promise((done) => (tellAnswered = done));
          resolve(ready);
        },
        confirmed: () => {
          probe?.cancel();
          tellAnswered(true);
        },
        failed: (error) => {
          unlisten();
          probe?.cancel();
          tellAnswered(connection.lastReceivedMs() > startedMs);
          reject(error);
        },
      };
      const portClosed = (cause: Error): void => connection.abandon(plan.portClosed(cause));
      const probe = options.awaitServer === true ? undefined : probeRefusal(remote, host.clock, portClosed);
      const onAbort = (): void => connection.abandon(plan.aborted(options.signal?.reason));
      options.signal?.addEventListener('abort', onAbort);
      const settings = { side: 'client', local: host.local(), remote, id, transport } as const;
      const limits = { handshakeDeadlineMs: deadlineMs, onHandshakeTimeout: () => plan.noAnswer() };
      const party = plan.party(settle, resuming);
      const all = { ...settings, ...limits };
      const startedMs = host.clock.now();
      const connection = new Connection(backendConnection, all, host.connectionHost, party, startedMs);
      host.counters.counts.dialled += 1;
      host.connections.add(connection);
      host.loop.wake(connection);
    });
  }
  /** The backend's half of a connection that has been admitted, which is no more when it cannot be made. */
  private begin(
    plan: DialPlan,
    remote: TransportAddress,
    id: Uint8Array,
    config: BackendConfig,
    early: boolean,
  ): Begun {
    const { host } = this;
    try {
      const resuming = plan.resuming(host.resources.tickets, remote, early);
      const { ticket } = resuming;
      const backendConnection = host.backend.connect({
        sourceId: id,
        config,
        local: backendAddress(host.local()),
        remote: backendAddress(remote),
        ...(plan.serverName === undefined ? {} : { serverName: plan.serverName }),
        ...(ticket === undefined ? {} : { session: ticket.session }),
      });
      return { backendConnection, resuming };
    } catch (error) {
      host.admission.dialledReleased();
      throw error;
    }
  }
}
