import { readFileSync } from 'node:fs';
import type { Delegation } from '@kwik/kcp';

/** Certificates are not made anew: the corpus is only worth something if inputs mean the same in every run. */
export interface Fixtures {
  readonly caPem: string;
  /** DER. */
  readonly ca: Uint8Array;
  readonly leaf: Uint8Array;
  readonly rsa: Uint8Array;
  /** With alternative names of every kind. */
  readonly strange: Uint8Array;
  /** Of the leaf, for the signer `delegated` of the tests. */
  readonly delegation: Delegation;
}

export function fixtures(): Fixtures {
  const text = readFileSync(new URL('./fixtures/certificates.json', import.meta.url), 'utf8');
  const { ca, leaf, rsa, strange, signature } = JSON.parse(text) as Record<string, string>;
  const leafDer = bytes(leaf);
  return {
    caPem: `-----BEGIN CERTIFICATE-----\n${ca!}\n-----END CERTIFICATE-----\n`,
    ca: bytes(ca),
    leaf: leafDer,
    rsa: bytes(rsa),
    strange: bytes(strange),
    delegation: { chain: [leafDer], signature: bytes(signature) },
  };
}

function bytes(base64: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(base64 ?? '', 'base64'));
}
