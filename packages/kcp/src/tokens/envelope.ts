import { KwikError, decodeSignedEnvelope, proto } from '@kwik/wire';
import { labelled, ownBytes } from '../crypto/bytes.js';
import { ed25519Verify } from '../crypto/ed25519.js';
import type { TokenSigner } from './signer.js';

/** Says what was signed, so that a signed token cannot pass for a grant or the other way round. */
export type EnvelopeLabel = 'kwik path token v1' | 'kwik content grant v1';

/** `payload`, signed under `label`, in an encoded SignedEnvelope. */
export function seal(signer: TokenSigner, label: EnvelopeLabel, payload: Uint8Array): Uint8Array {
  return proto.SignedEnvelope.encode({
    payload,
    signature: signer.sign(labelled(label, payload)),
    signer: signer.publicKey,
    chain: (signer.delegation?.chain ?? []).map(ownBytes),
    delegation: signer.delegation?.signature ?? new Uint8Array(0),
  }).finish();
}

/** Undefined for what is no envelope. */
export function openEnvelope(bytes: Uint8Array): proto.SignedEnvelope | undefined {
  return decodedOrUndefined(() => decodeSignedEnvelope(bytes));
}

export function signedUnder(label: EnvelopeLabel, envelope: proto.SignedEnvelope): boolean {
  return ed25519Verify(envelope.signer, labelled(label, envelope.payload), envelope.signature);
}

/** The value, or undefined when the bytes are refused; anything else that goes wrong is thrown. */
export function decodedOrUndefined<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof KwikError) return undefined;
    throw error;
  }
}
