import { X509Certificate } from 'node:crypto';

const MAX_CERTIFICATES = 64;
/** Larger ones are parsed each time: peers choose their size, and the bound above must be one of memory, too. */
const MAX_KEPT_BYTES = 8 * 1024;

/** Certificates that were parsed lately, by their bytes: parsing takes as long as a fifth of a client's handshake. */
export class ParsedCertificates {
  private readonly known = new Map<string, X509Certificate>();

  get size(): number {
    return this.known.size;
  }

  /** Throws what `X509Certificate` throws for bytes that are no certificate. */
  get(der: Uint8Array): X509Certificate {
    if (der.length > MAX_KEPT_BYTES) return new X509Certificate(der);
    const key = Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1');
    const kept = this.known.get(key);
    if (kept !== undefined) return kept;
    const certificate = new X509Certificate(der);
    for (const oldest of this.known.keys()) {
      if (this.known.size < MAX_CERTIFICATES) break;
      this.known.delete(oldest);
    }
    this.known.set(key, certificate);
    return certificate;
  }
}
