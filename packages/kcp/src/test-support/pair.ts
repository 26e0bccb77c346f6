import { ControlChannel, type ControlChannelOptions } from '../channel/control-channel.js';
import type { ControlEvent } from '../channel/inbox.js';
import type { KcpBody } from '../channel/kcp-body.js';
import type { ClientHandshake, ClientHandshakeResult } from '../handshake/client-handshake.js';
import type { ServerHandshakeResult, ServerStep } from '../handshake/server-contract.js';
import type { ServerHandshake } from '../handshake/server-handshake.js';
import { NOW_MS } from './sessions.js';

/** Two control channels back to back, on virtual time. */
export class ChannelPair {
  readonly client: ControlChannel;
  readonly server: ControlChannel;
  now = 0;

  constructor(options: { client?: ControlChannelOptions; server?: ControlChannelOptions } = {}) {
    this.client = new ControlChannel(options.client);
    this.server = new ControlChannel(options.server);
  }

  /** Carries what both sides have to say. */
  flush(): void {
    for (let bytes = this.client.pollTransmit(this.now); bytes; bytes = this.client.pollTransmit(this.now)) {
      this.server.handleData(bytes, this.now);
    }
    for (let bytes = this.server.pollTransmit(this.now); bytes; bytes = this.server.pollTransmit(this.now)) {
      this.client.handleData(bytes, this.now);
    }
  }

  advance(ms: number): void {
    this.now += ms;
    this.client.handleTimeout(this.now);
    this.server.handleTimeout(this.now);
  }
}

export function takeEvents(channel: ControlChannel): ControlEvent[] {
  const events: ControlEvent[] = [];
  for (let event = channel.nextEvent(); event !== undefined; event = channel.nextEvent()) events.push(event);
  return events;
}

export interface HandshakeOutcome {
  readonly client: ClientHandshakeResult;
  readonly server: ServerHandshakeResult;
  /** Kinds of the messages that crossed, in order. */
  readonly messages: readonly KcpBody['$case'][];
}

/** Runs a handshake over a pair of control channels to its end. Throws what either side refuses with. */
export async function shakeHands(client: ClientHandshake, server: ServerHandshake): Promise<HandshakeOutcome> {
  const pair = new ChannelPair();
  const messages: KcpBody['$case'][] = [];
  pair.client.send(client.start(), pair.now);
  for (;;) {
    pair.flush();
    const fromClient = bodyOf(pair.server.nextEvent());
    messages.push(fromClient.$case);
    const step = await settled(server.handle(fromClient, NOW_MS));
    pair.server.send(step.body, pair.now);
    pair.flush();
    const fromServer = bodyOf(pair.client.nextEvent());
    messages.push(fromServer.$case);
    const { send, done } = client.handle(fromServer);
    if (done !== undefined && step.kind === 'accepted') return { client: done, server: step.result, messages };
    if (send !== undefined) pair.client.send(send, pair.now);
  }
}

/** Asks whoever must decide, until a step needs nobody. */
export async function settled(step: ServerStep): Promise<Exclude<ServerStep, { kind: 'decide' }>> {
  let current = step;
  while (current.kind === 'decide') {
    current = current.decide((await current.check?.(current.data)) ?? { accepted: false });
  }
  return current;
}

function bodyOf(event: ControlEvent | undefined): KcpBody {
  if (event?.kind !== 'message') throw new TypeError('no message came');
  return event.body;
}
