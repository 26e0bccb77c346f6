import { KwikError, type Clock } from '@kwik/wire';
import { derCertificates } from './config.js';
import type { QUICConfig } from './types.js';

/** Judges the peer's chain (DER, leaf first); rejects with ERR_KWIK_CERTIFICATE. */
export type ChainCheck = (chain: readonly Uint8Array[]) => Promise<void>;

export interface Verification {
  /** TLS accepts any certificate, and `check`, where there is one, decides. */
  readonly unverified: boolean;
  readonly check?: ChainCheck;
}

/** A callback that never answers holds a session of nobody's. */
const CALLBACK_TIMEOUT_MS = 10_000;
const WARNING_CODE = 'KWIK_VERIFY_PEER_FALSE';

/** What a client's config says of its server. */
export function serverVerification(config: QUICConfig, clock: Clock): Verification {
  if (config.verifyPeer === false) {
    process.emitWarning(
      'verifyPeer: false: whoever answers at the address is taken for the server, and can read and change everything; ' +
        'give the authority in `ca`, or a pin of the key in kwik.trust.pins',
      { type: 'SecurityWarning', code: WARNING_CODE },
    );
    return { unverified: true };
  }
  const check = callbackOf(config, clock);
  return check === undefined ? { unverified: false } : { unverified: true, check };
}

/** What a server's config says of its clients. TLS verifies them itself where it is given an authority and no callback. */
export function clientVerification(config: QUICConfig, clock: Clock): Verification {
  if (config.verifyPeer !== true) return { unverified: false };
  const check = callbackOf(config, clock);
  if (check !== undefined) return { unverified: true, check };
  if (config.ca !== undefined) return { unverified: false };
  return {
    unverified: true,
    check: () => Promise.reject(refusal('this server has no authority in `ca` to verify it with')),
  };
}

function callbackOf({ verifyCallback, ca }: QUICConfig, clock: Clock): ChainCheck | undefined {
  if (verifyCallback === undefined) return undefined;
  const authorities = derCertificates(ca);
  return async (chain) => {
    if (chain.length === 0) throw refusal('there is none');
    const copies = chain.map((certificate) => new Uint8Array(certificate));
    const verdict = (async () => verifyCallback(copies, authorities))();
    const code = await atMost(verdict, clock).catch((error: unknown) => {
      throw refusal('verifyCallback failed', error);
    });
    if (code !== undefined) throw refusal(`verifyCallback gave ${code}`);
  };
}

function refusal(why: string, cause?: unknown): KwikError {
  return new KwikError('ERR_KWIK_CERTIFICATE', `the certificate of the peer is not accepted: ${why}`, { cause });
}

async function atMost<T>(promise: Promise<T>, clock: Clock): Promise<T> {
  const late = new Promise<never>((_resolve, reject) => {
    const timer = clock.schedule(CALLBACK_TIMEOUT_MS, () =>
      reject(new Error(`no verdict in ${CALLBACK_TIMEOUT_MS} ms`)),
    );
    void promise.then(
      () => timer.cancel(),
      () => timer.cancel(),
    );
  });
  return Promise.race([promise, late]);
}
