import {
  ControlChannel,
  bearerClientAuth,
  bearerServerAuth,
  noneClientAuth,
  noneServerAuth,
  pskClientAuth,
  pskServerAuth,
  type ClientHandshake,
  type KcpBody,
  type ServerHandshake,
  type ServerStep,
} from '@kwik/kcp';
import { encodeKcpMessage, KwikError, proto, toPathId } from '@kwik/wire';
import {
  NOW_MS,
  SECONDARY,
  makeClient,
  makeServer,
  makeSessionKeys,
  makeToken,
} from '../../../packages/kcp/src/test-support/sessions.js';
import { isOwnFault } from '../judge.js';
import { joinStream, splitStream } from '../protobuf-tree.js';
import { rule, type FuzzTarget } from '../target.js';

const keys = makeSessionKeys();
const secret = new Uint8Array(32).fill(5);
const NOTHING = new Uint8Array(0);

const OPENINGS = [
  [noneClientAuth()],
  [pskClientAuth({ key: secret, name: 'one' })],
  [bearerClientAuth('let me in')],
  [{ ...noneClientAuth(), mechanism: 'x-other' }, pskClientAuth({ key: secret, name: 'one' })],
].map((auth) => () => makeClient({ auth }));
const JOINS = [makeToken(keys), NOTHING].map((token) => () => joiner(token));
/** Clients of every kind, the same in every run. */
const CLIENTS: readonly (() => ClientHandshake)[] = [...OPENINGS, ...JOINS];

/** What a client says, at a server that takes everything. */
const serverHandshake: FuzzTarget = {
  name: 'server-handshake',
  shape: 'stream',
  seeds: () => CLIENTS.map((make) => joinStream(record(make(), server()).fromClient)),
  run(input) {
    const handshake = server();
    const steps: string[] = [];
    let accepted = 0;
    const end = feed(input, (body) => {
      let step = handshake.handle(body, NOW_MS);
      while (step.kind === 'decide') step = step.decide({ accepted: step.data.length % 2 === 1 });
      if (step.kind === 'accepted') accepted++;
      steps.push(step.kind === 'refused' ? `${step.error.code} ${step.error.message}` : step.kind);
      // Whatever the server says can be sent.
      encodeKcpMessage({ header: proto.MessageHeader.fromPartial({ id: 1n }), body: step.body });
    });
    rule(accepted <= 1, 'a handshake was accepted twice');
    return `${steps.slice(0, 4).join(', ')}; ${end}`;
  },
};

/** What a server says, to clients of every kind. */
const clientHandshake: FuzzTarget = {
  name: 'client-handshake',
  shape: 'stream',
  seeds: () => CLIENTS.map((make) => joinStream(record(make(), server()).fromServer)),
  run(input) {
    const outcomes = CLIENTS.map((make) => {
      const client = make();
      client.start();
      let done = 'waits';
      const end = feed(input, (body) => {
        if (done !== 'waits') return;
        const step = client.handle(body);
        if (step.send !== undefined)
          encodeKcpMessage({ header: proto.MessageHeader.fromPartial({ id: 1n }), body: step.send });
        if (step.done !== undefined) done = 'done';
      });
      return `${done} ${end}`;
    });
    return outcomes.join('; ');
  },
};

export const HANDSHAKE_TARGETS = [serverHandshake, clientHandshake];

function joiner(token: Uint8Array): ClientHandshake {
  return makeClient({ purpose: { kind: 'join', keys, pathId: toPathId(3), token, audience: SECONDARY }, auth: [] });
}

function server(): ServerHandshake {
  return makeServer({
    auth: [
      noneServerAuth(),
      pskServerAuth({ keys: new Map([['one', secret]]) }),
      bearerServerAuth(() => ({ accepted: true })),
    ],
    findSession: (id) => (id === keys.sessionId ? keys : undefined),
  });
}

/** Hands the messages of a control stream to `take`; how it ended. */
function feed(input: Uint8Array, take: (body: KcpBody) => void): string {
  const channel = new ControlChannel();
  try {
    channel.handleData(input, 0);
    for (let event = channel.nextEvent(); event !== undefined; event = channel.nextEvent()) {
      if (event.kind === 'message') take(event.body);
    }
    return 'end';
  } catch (error) {
    if (error instanceof KwikError && !isOwnFault(error)) return error.code;
    throw error;
  }
}

/** A whole handshake: the messages of both sides. */
function record(
  client: ClientHandshake,
  peer: ServerHandshake,
): { fromClient: Uint8Array[]; fromServer: Uint8Array[] } {
  const fromClient: Uint8Array[] = [];
  const fromServer: Uint8Array[] = [];
  for (let body: KcpBody | undefined = client.start(); body !== undefined; ) {
    fromClient.push(message(body, fromClient.length));
    const step = settled(peer.handle(body, NOW_MS));
    fromServer.push(message(step.body, fromServer.length));
    body = step.kind === 'refused' ? undefined : client.handle(step.body).send;
  }
  return { fromClient, fromServer };
}

function settled(step: ServerStep): Exclude<ServerStep, { kind: 'decide' }> {
  return step.kind === 'decide' ? settled(step.decide({ accepted: true })) : step;
}

function message(body: KcpBody, index: number): Uint8Array {
  const header = proto.MessageHeader.fromPartial({ id: BigInt(index + 1) });
  return splitStream(encodeKcpMessage({ header, body }))[0]!;
}
