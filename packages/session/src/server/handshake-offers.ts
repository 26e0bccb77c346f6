import { ServerHandshake, type JoinAdmission } from '@kwik/kcp';
import { proto, sessionIdFromBytes, type PathTransport, type SessionId } from '@kwik/wire';
import { toProtoLimits } from '../limits.js';
import type { ReturningClients } from './returning-clients.js';
import type { TakenSessions } from './takeover/taken-sessions.js';
import type { SessionFactoryOptions } from './session-factory-options.js';

const SESSION_ID_BYTES = 16;
const SECRET_BYTES = 32;

type Offering = Pick<
  SessionFactoryOptions,
  'runtime' | 'limits' | 'timeouts' | 'identity' | 'admission' | 'writes' | 'replica' | 'relay' | 'takeover'
>;

/** Ids carry the worker that has the session, so that the client's further connections are led to it. */
function newSessionId(bytes: Uint8Array, worker: number | undefined): SessionId {
  if (worker !== undefined) bytes[0] = worker;
  return sessionIdFromBytes(bytes);
}

/** What this server says of itself to each client that comes, and how it makes a session for it. */
export class HandshakeOffers {
  readonly #options: Offering;
  readonly #admission: JoinAdmission;
  readonly #returning: Pick<ReturningClients, 'keysOf' | 'renewable'>;
  readonly #taken: Pick<TakenSessions, 'open'> | undefined;

  constructor(
    options: Offering,
    admission: JoinAdmission,
    returning: Pick<ReturningClients, 'keysOf' | 'renewable'>,
    taken?: Pick<TakenSessions, 'open'>,
  ) {
    this.#options = options;
    this.#admission = admission;
    this.#returning = returning;
    this.#taken = taken;
  }

  to({ peerCertificates, channelBinding }: PathTransport): ServerHandshake {
    const { limits, timeouts, identity, admission, runtime } = this.#options;
    const { random } = runtime;
    const taken = this.#taken;
    return new ServerHandshake({
      auth: admission.auth,
      capabilities: this.#capabilities(),
      limits: toProtoLimits(limits, timeouts.idleMs),
      serverId: identity.serverId,
      random,
      serverKey: identity.signer.publicKey,
      makeSessionId: () => newSessionId(random(SESSION_ID_BYTES), identity.worker),
      sessionSecret: () => random(SECRET_BYTES),
      findSession: (id) => this.#returning.keysOf(id),
      findRenewable: (id, path) => this.#returning.renewable(id, path),
      admission: this.#admission,
      ...(taken !== undefined && { openTicket: (...presented) => taken.open(...presented) }),
      peerCertificates,
      channelBinding,
    });
  }

  #capabilities(): proto.Capability[] {
    const { writes, replica, relay, takeover } = this.#options;
    const { CONTRIBUTE, RAW, COMPRESSION, MULTIHOMING, RENEWAL, REPLICA, RELAY, TAKEOVER } = proto.Capability;
    const capabilities: proto.Capability[] = [CONTRIBUTE, RAW, MULTIHOMING, RENEWAL];
    if (writes.compresses) capabilities.push(COMPRESSION);
    if (replica !== undefined) capabilities.push(REPLICA);
    if (relay !== undefined) capabilities.push(RELAY);
    if (takeover !== undefined) capabilities.push(TAKEOVER);
    return capabilities;
  }
}
