import { ControlChannel, JoinAdmission, UsedTokens, verifyContentGrant, type KcpBody } from '@kwik/kcp';
import {
  decodeContentGrant,
  decodePathToken,
  decodeSignedEnvelope,
  encodeKcpMessage,
  KwikError,
  proto,
} from '@kwik/wire';
import { certificateIdentity } from '../../../packages/kcp/src/auth/certificate.js';
import { checkChain, parseCertificatesPem } from '../../../packages/kcp/src/tokens/certificate-chain.js';
import { openEnvelope, seal } from '../../../packages/kcp/src/tokens/envelope.js';
import { issueContentGrant } from '../../../packages/kcp/src/tokens/content-grant.js';
import {
  NOW_MS,
  SECONDARY,
  makeSessionKeys,
  makeSigner,
  makeToken,
} from '../../../packages/kcp/src/test-support/sessions.js';
import { KCP_CASES, KCP_SAMPLES } from '../../../packages/wire/src/test-support/kcp-samples.js';
import { fixtures } from '../fixtures.js';
import { joinBlocks, joinStream, splitBlocks, splitStream } from '../protobuf-tree.js';
import { rule, type FuzzTarget } from '../target.js';

const CHUNK_BYTES = 700;
const MAX_QUEUED_BYTES = 262_144;

/** A channel with requests under way, of which every event is answered somehow. */
const controlChannel: FuzzTarget = {
  name: 'control-channel',
  shape: 'stream',
  seeds: () => [conversation(KCP_CASES), ...KCP_CASES.map((kind) => conversation([kind, 'ping', kind]))],
  run(input) {
    const channel = new ControlChannel({ maxQueuedBytes: MAX_QUEUED_BYTES });
    const kinds = ['ping', 'listPaths', 'addPath'] as const;
    for (const kind of kinds) channel.request(bodyOf(kind), 0, { timeoutMs: 1000 });
    while (channel.pollTransmit(0) !== undefined);
    let end = 'open';
    const seen = new Set<string>();
    for (let at = 0; at < input.length && end === 'open'; at += CHUNK_BYTES) {
      try {
        channel.handleData(input.slice(at, at + CHUNK_BYTES), at);
      } catch (error) {
        if (!(error instanceof KwikError)) throw error;
        end = error.code;
      }
      takeEvents(channel, at, seen);
    }
    channel.handleTimeout(1e6);
    rule(channel.pendingRequests === 0, 'a request outlives its deadline');
    rule(channel.queuedBytes <= MAX_QUEUED_BYTES, 'the queue is over its bound');
    return `${end}: ${[...seen].sort().slice(0, 3).join(' ')}`;
  },
};

const keys = makeSessionKeys();

/** Tokens and grants, with signatures that hold: everything behind them is tried, too. */
const pathToken: FuzzTarget = {
  name: 'path-token',
  shape: 'message',
  seeds: () => [
    makeToken(keys),
    makeToken(keys, { capabilities: [proto.Capability.RAW, proto.Capability.REPLICA], audience: '[::1]:1' }),
    makeToken(keys, {}, makeSigner('delegated').withDelegation(fixtures().delegation)),
    issueContentGrant(makeSigner(), {
      sessionId: keys.sessionId,
      streamId: 4n as never,
      key: 'films/one.mkv',
      size: 30_000n,
      expiresMs: NOW_MS + 1000,
    }),
  ],
  repair(input) {
    const envelope = openEnvelope(input);
    if (envelope === undefined) return input;
    const label = envelope.payload.length % 2 === 0 ? 'kwik path token v1' : 'kwik content grant v1';
    return seal(makeSigner(), label, envelope.payload);
  },
  run(input) {
    const admission = new JoinAdmission({
      trust: { keys: [makeSigner().publicKey], ca: fixtures().caPem },
      audiences: () => [SECONDARY],
      used: new UsedTokens(),
    });
    const proof = new Uint8Array(64);
    const join = proto.Join.fromPartial({ sessionId: new Uint8Array(16), token: input, proof, pathId: 3 });
    const connection = { clientNonce: new Uint8Array(32), channelBinding: new Uint8Array(32) };
    const admitted = admission.admit(join, connection, NOW_MS);
    rule(!admitted.ok, 'a token was enough without a proof');
    const decoded = [decodeSignedEnvelope, decodePathToken, decodeContentGrant].map((decode) =>
      outcome(() => decode(input)),
    );
    const grant = outcome(() =>
      verifyContentGrant(input, { signer: makeSigner().publicKey, sessionId: keys.sessionId, nowMs: NOW_MS }),
    );
    return `${admitted.ok ? '' : `${admitted.refusal} ${admitted.error.message}`}, ${decoded.join(', ')}, ${grant}`;
  },
};

/** Chains as a client or a primary shows them, and PEM text as people give it. */
const certificate: FuzzTarget = {
  name: 'certificate',
  shape: 'blocks',
  seeds: () => {
    const { leaf, ca, rsa, strange } = fixtures();
    return [[leaf, ca], [leaf], [rsa, ca], [strange], [Buffer.from(fixtures().caPem)]].map(joinBlocks);
  },
  run(input) {
    const chain = splitBlocks(input);
    const anchors = parseCertificatesPem(fixtures().caPem);
    const checked = checkChain(chain, anchors, 'server', NOW_MS);
    const client = checkChain(chain, anchors, 'client', NOW_MS);
    const names = [checked, client].map((one) => (one.ok ? certificateIdentity(one.leaf) !== '' : one.reason));
    const text = Buffer.from(chain[0] ?? input).toString('latin1');
    return `${names.join(', ')}, ${outcome(() => parseCertificatesPem(text))}`;
  },
};

export const KCP_TARGETS = [controlChannel, pathToken, certificate];

function takeEvents(channel: ControlChannel, now: number, seen: Set<string>): void {
  for (let event = channel.nextEvent(); event !== undefined; event = channel.nextEvent()) {
    seen.add(event.kind === 'timeout' ? event.request : `${event.kind} ${event.body.$case}`);
    if (event.kind !== 'message') continue;
    if (channel.queuedBytes > MAX_QUEUED_BYTES / 2) while (channel.pollTransmit(now) !== undefined);
    // What was decoded can be sent: the same rules hold in both directions.
    channel.reply(event.id, event.body, now);
  }
}

/** The kinds in this order, the last of them as answers to requests. */
function conversation(kinds: readonly KcpBody['$case'][]): Uint8Array {
  const messages = kinds.map((kind, index) => {
    const inReplyTo = kind === 'pong' ? 1n : kind === 'pathList' ? 2n : kind === 'addPathResult' ? 3n : 0n;
    const header = {
      id: BigInt(index + 1),
      inReplyTo,
      sessionId: keysId(),
      priority: 0,
      ttlMs: 0,
      timeMs: 0n,
    } as const;
    return splitStream(encodeKcpMessage({ header, body: bodyOf(kind) }))[0]!;
  });
  return joinStream(messages);
}

function keysId(): Uint8Array {
  return new Uint8Array(16).fill(7);
}

function bodyOf($case: KcpBody['$case']): KcpBody {
  return { $case, value: KCP_SAMPLES[$case] } as KcpBody;
}

export function outcome(action: () => unknown): string {
  try {
    action();
    return 'fine';
  } catch (error) {
    if (error instanceof KwikError) return error.code;
    throw error;
  }
}
