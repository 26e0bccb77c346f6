import { X509Certificate } from 'node:crypto';
import { Recent } from './recent.js';

const MAX_CERTIFICATES = 64;
/** Larger ones are parsed each time: peers choose their size, and the bound above must be one of memory, too. */
const MAX_KEPT_BYTES = 8 * 1024;

/** Certificates that were parsed lately, by their bytes: parsing was an eighth of what a client's handshake took. */
export class ParsedCertificates {
  private readonly parsed = new Recent<X509Certificate>(MAX_CERTIFICATES);

  get size(): number {
    return this.parsed.size;
  }

  /** Throws what `X509Certificate` throws for bytes that are no certificate. */
  get(der: Uint8Array): X509Certificate {
    if (der.length > MAX_KEPT_BYTES) return new X509Certificate(der);
    const key = Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1');
    return this.parsed.get(key, () => new X509Certificate(der));
  }
}
