/**
 * How a server's certificate is judged. One of `ca` and `pins` is needed; nothing is ever accepted unchecked, unless
 * `unverified` asks for just that.
 */
export interface TrustOptions {
  /** Certificates of authorities, PEM, one or more. For the system's: `tls.rootCertificates.join('\n')`. */
  readonly ca?: string | Uint8Array;
  /**
   * PEM of the authorities of SPIFFE trust domains, by their names. Where it is given, a server that is meant by a SPIFFE id must have
   * its certificate from an authority of its own domain; `ca` is for all others.
   */
  readonly trustDomains?: Readonly<Record<string, string>>;
  /**
   * SHA-256 of the server's SPKI, base64 or hex; one must match. With `ca` in addition to the chain; alone in place of
   * chain, name and dates: the key itself is the identity.
   */
  readonly pins?: readonly string[];
  /** One more condition: the SHA-256 of the SPKI that the server must have, base64 or hex. Takes the place of none. */
  readonly requiredPin?: string;
  /** Name, IP address or SPIFFE id that the certificate must be for, when it is not the dialled one. */
  readonly verifyHostName?: string;
  /**
   * Accepts any certificate where neither `ca` nor `pins` are given. Whoever sets it judges `peerCertificates` before
   * anything is sent that is not for everybody's eyes.
   */
  readonly unverified?: boolean;
}
