import type { TlsEvidence } from './evidence.js';

/** What is to be said of the TLS of every connection. The suite of each is not among it: no call of the engine tells it. */
export const TLS: TlsEvidence = {
  versions: ['TLSv1.3'],
  why:
    'Every connection of KWIK is QUIC version 1, and so TLS 1.3: RFC 9001, section 4.2, has an endpoint end a connection that ' +
    'negotiated anything older, and the engine speaks no other. Sessions are not resumed and no early data is sent.',
  suitesSeen: null,
  // What BoringSSL, the TLS library in the engine, has for TLS 1.3.
  suitesPossible: ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
};
