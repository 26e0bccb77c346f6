import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { ServerRecord } from '@kwik/wire';
import { signedRecords, signingKeyId } from './record-signing.js';

/** So that no signature for anything else can pass for one of these. */
const CONTEXT = 'kwik registry request v1';
/** Clocks differ, and a question takes its time; an older one is a replay. */
const MAX_AGE_MS = 60_000;
const PUBLIC_KEY_HEADER = 'kwik-key';
const PROOF_HEADER = 'kwik-proof';
/** The SPKI of an Ed25519 key has 44 bytes. */
const PUBLIC_KEY = /^[\w-]{59}$/;
const PROOF = /^(\d{1,16})\.([\w-]{86})$/;

/** What a server asks a registry to do. A record and its key are known to all; that it holds the key, it shows each time. */
export interface KeyRequest {
  readonly method: 'PUT' | 'DELETE';
  readonly service: string;
  readonly serverId: string;
  /** Of a PUT. */
  readonly body?: string | undefined;
}

export interface KeyProof {
  /** SPKI in base64url. */
  readonly publicKey: string;
  /** Milliseconds since 1970. */
  readonly issuedMs: number;
  /** Over `requestText`, in base64url. */
  readonly value: string;
}

/** What is signed by who asks. */
export function requestText({ method, service, serverId, body = '' }: KeyRequest, issuedMs: number): string {
  const hash = createHash('sha256').update(body).digest('hex');
  return JSON.stringify([CONTEXT, method, service, serverId, issuedMs, hash]);
}

export function proofHeaders({ publicKey, issuedMs, value }: KeyProof): Record<string, string> {
  return { [PUBLIC_KEY_HEADER]: publicKey, [PROOF_HEADER]: `${issuedMs}.${value}` };
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Why neither the record nor the request shows that who sends it holds its key; undefined: both do. */
export function announcingRefusal(
  headers: Headers,
  record: ServerRecord,
  request: KeyRequest,
  nowMs: number,
): string | undefined {
  const key = keyOf(headers);
  if (key === undefined) return `a signed record comes with its key, in the header ${PUBLIC_KEY_HEADER}`;
  const refusal = signedRecords({ service: request.service, keys: [{ key }] }).refusal(record, 'http', nowMs);
  if (refusal !== undefined || proves(headers, key, request, nowMs)) return refusal;
  return `the header ${PROOF_HEADER} does not show that who asks holds the key, or the clocks differ by more than a minute`;
}

/** Whether who asks holds the key of this id, by which the server was announced. */
export function mayRemove(headers: Headers, keyId: string, request: KeyRequest, nowMs: number): boolean {
  const key = keyOf(headers);
  return key !== undefined && signingKeyId(key) === keyId && proves(headers, key, request, nowMs);
}

function proves(headers: Headers, key: KeyObject, request: KeyRequest, nowMs: number): boolean {
  const [, issued = '', value = ''] = PROOF.exec(String(headers[PROOF_HEADER] ?? '')) ?? [];
  const issuedMs = Number(issued);
  if (issued === '' || Math.abs(nowMs - issuedMs) > MAX_AGE_MS) return false;
  return verify(null, Buffer.from(requestText(request, issuedMs)), key, Buffer.from(value, 'base64url'));
}

function keyOf(headers: Headers): KeyObject | undefined {
  const text = headers[PUBLIC_KEY_HEADER];
  if (typeof text !== 'string' || !PUBLIC_KEY.test(text)) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64url'), type: 'spki', format: 'der' });
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}
