import { X509Certificate } from 'node:crypto';
import { spkiPin } from '@kwik/quic';
import type { ErrorCode, KwikError, PathTransport } from '@kwik/wire';
import { formatAddress } from '../client/target.js';
import type { AuditTrail } from '../runtime/host/audit-trail.js';
import { isMisconduct } from '../runtime/paths/deaths.js';
import { addressOf } from './audited-session.js';

/** Who shows one of these has a forgery or somebody else's token, not a mistake in the configuration. */
const FORGERIES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_KWIK_TOKEN_FORGED',
  'ERR_KWIK_TOKEN_REPLAYED',
  'ERR_KWIK_PROOF_INVALID',
]);

/** What a listener writes down of itself and of those that it did not let in. */
export class ListenerAudit {
  readonly #trail: AuditTrail;
  readonly #address: string;
  #closed = false;

  constructor(trail: AuditTrail, { address, port }: { readonly address: string; readonly port: number }) {
    this.#trail = trail;
    this.#address = formatAddress(address, port);
  }

  /** `signer`: the public key that signs path tokens. */
  opened(certPem: string, signer: Uint8Array): void {
    const detail = `listening on ${this.#address}`;
    this.#trail.record({ kind: 'listener-opened', detail, facts: { signer: Buffer.from(signer).toString('hex') } });
    this.certificate(certPem);
  }

  /** Connections from now on see this certificate. */
  certificate(certPem: string): void {
    const leaf = new X509Certificate(certPem);
    const facts = {
      pin: spkiPin(leaf),
      from: new Date(leaf.validFrom).toISOString(),
      until: new Date(leaf.validTo).toISOString(),
    };
    this.#trail.record({ kind: 'key-changed', detail: `certificate of ${this.#address}`, facts });
  }

  /** Sessions that begin from now on have their path tokens signed by this key. */
  signer(publicKey: Uint8Array): void {
    const facts = { signer: Buffer.from(publicKey).toString('hex') };
    this.#trail.record({ kind: 'key-changed', detail: `key of ${this.#address} that signs path tokens`, facts });
  }

  refused({ code, message }: KwikError, transport: PathTransport): void {
    const event = { peer: addressOf(transport), code, detail: message };
    if (FORGERIES.has(code) || isMisconduct(code)) this.#trail.violation(event);
    else this.#trail.refused(event);
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#trail.record({ kind: 'listener-closed', detail: `stopped listening on ${this.#address}` });
  }
}
