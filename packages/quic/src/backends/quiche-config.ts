// Before the binding, whose own message says less.
import './native-support.js';
import quiche from '@matrixai/quic/native/quiche.js';
import type { Config } from '@matrixai/quic/native/types.js';
import { pemText } from '../tls/pem.js';
import type { BackendConfig, BackendConfigOptions } from './backend.js';
import { windowUnitBytes } from './window-unit.js';

/** Largest payload of a UDP datagram over IPv4: whatever the peer sends is taken. */
const MAX_RECEIVED_DATAGRAM_BYTES = 65_527;
/** RFC 9000, section 13.2.1: how long an acknowledgement may be held back. The driver acknowledges once per turn. */
const MAX_ACK_DELAY_MS = 25;
/**
 * quiche keeps as many addresses of a peer, and forgets none: a peer behind a NAT may move so often, less one, before its
 * path has to be dialled anew.
 */
const ACTIVE_CONNECTION_ID_LIMIT = 8;

/**
 * With which keys certificates and handshakes may be signed, the preferred first. BoringSSL's own list lacks Ed25519 and
 * P-521, and has SHA-1 for certificates.
 */
const SIGNATURE_ALGORITHMS = [
  'ecdsa_secp256r1_sha256',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pkcs1_sha256',
  'ecdsa_secp384r1_sha384',
  'rsa_pss_rsae_sha384',
  'rsa_pkcs1_sha384',
  'ecdsa_secp521r1_sha512',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha512',
].join(':');

/** Settings, in quiche's words. */
export class QuicheConfig implements BackendConfig {
  readonly native: Config;

  constructor(options: BackendConfigOptions, logsKeys: boolean) {
    const { transport } = options;
    const key = options.keyPem === undefined ? null : [pemText(options.keyPem)];
    const cert = options.certPem === undefined ? null : [pemText(options.certPem)];
    const ca = options.caPem === undefined ? null : pemText(options.caPem);
    const native = quiche.Config.withBoringSslCtx(
      options.verify !== 'none',
      options.verify === 'any',
      ca,
      key,
      cert,
      SIGNATURE_ALGORITHMS,
    );
    // Replaces "fail if the peer has no certificate" by "check it if it has one".
    if (options.verify === 'request') native.verifyPeer(true);
    native.setApplicationProtos([...options.alpn]);
    native.setCcAlgorithmName(transport.congestionControl);
    // quiche does not pace; it computes when a packet should leave, and takes that for when it left. Switched off, that
    // time stays at the start of a burst, of which the size is 13 kB for CUBIC and NewReno: with a small window their
    // RTT grows with every packet. For BBR a burst is two packets, and its own pacing would stand in the way of ours.
    native.enablePacing(transport.congestionControl !== 'bbr');
    native.setMaxIdleTimeout(transport.idleTimeoutMs);
    // Datagrams are as long as the memory that `send` is given, and no longer than this.
    native.setMaxSendUdpPayloadSize(windowUnitBytes(transport));
    native.setMaxRecvUdpPayloadSize(MAX_RECEIVED_DATAGRAM_BYTES);
    native.setInitialMaxData(transport.connectionWindowBytes);
    native.setMaxConnectionWindow(transport.connectionWindowBytes);
    native.setInitialMaxStreamDataBidiLocal(transport.streamWindowBytes);
    native.setInitialMaxStreamDataBidiRemote(transport.streamWindowBytes);
    native.setInitialMaxStreamDataUni(transport.streamWindowBytes);
    native.setMaxStreamWindow(transport.streamWindowBytes);
    native.setInitialMaxStreamsBidi(transport.maxBidiStreams);
    native.setInitialMaxStreamsUni(transport.maxUniStreams);
    native.setMaxAckDelay(MAX_ACK_DELAY_MS);
    native.setActiveConnectionIdLimit(ACTIVE_CONNECTION_ID_LIMIT);
    native.setDisableActiveMigration(true);
    native.grease(true);
    if (options.earlyData === true) native.enableEarlyData();
    if (logsKeys) native.logKeys();
    this.native = native;
  }

  setResetToken(token: Uint8Array): void {
    // quiche reads the token as a 128-bit number in network order.
    this.native.setStatelessResetToken(BigInt(`0x${Buffer.from(token).toString('hex')}`));
  }

  setTicketKey(key: Uint8Array): void {
    this.native.setTicketKey(key);
  }
}
