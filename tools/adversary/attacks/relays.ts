import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { dial, type ListenerStats, type Session } from '@kwik/session';
import { atMost, finding, type Attack, type Finding } from '../attack.js';
import type { Child } from '../scene/child.js';
import type { Scene } from '../scene/scene.js';

const ID_BYTES = 8;
const LONG_HEADER_BYTES = 1200;
/** Of one client at once. */
const MAX_FLOWS = 16;
const SESSIONS = 4;
const REQUESTS = 400;
const GROWTH_MB = 100;
const FORGED = 5000;
const DIALS = 4;
/** First packets of a few attempts, each repeated a few times. */
const MAX_DIAL_KILOBYTES = 60;

interface Stage {
  readonly relay: Child;
  readonly relayPort: number;
  /** The one place that the relay forwards to, and what came there. */
  readonly anchor: Sink;
}

/** A UDP port that counts what comes, and answers nothing. */
class Sink {
  datagrams = 0;
  bytes = 0;
  readonly #socket: Socket;
  readonly #byPort = new Map<number, number>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', ({ length }, { port }) => {
      this.datagrams += 1;
      this.bytes += length;
      this.#byPort.set(port, (this.#byPort.get(port) ?? 0) + length);
    });
  }

  static async bind(): Promise<Sink> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Sink(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Many at a time, with pauses in which they are read. */
  async send(count: number, port: number, make: () => Buffer): Promise<void> {
    for (let sent = 0; sent < count; sent += 100) {
      for (let one = 0; one < 100; one += 1) this.#socket.send(make(), port, '127.0.0.1');
      await wait(5);
    }
  }

  bytesFrom(port: number): number {
    return this.#byPort.get(port) ?? 0;
  }

  close(): void {
    this.#socket.close();
  }
}

async function withStage(scene: Scene, run: (stage: Stage) => Promise<Finding[]>): Promise<Finding[]> {
  process.env['KWIK_DATA_DIR'] = `${scene.folder}/data`;
  const anchor = await Sink.bind();
  const { child: relay, port: relayPort } = await scene.server({ RELAY: `127.0.0.1:${anchor.port}` });
  try {
    return [...(await run({ relay, relayPort, anchor })), finding('the relay', relay.ending, 'alive', !relay.ended)];
  } finally {
    anchor.close();
  }
}

async function withSession<T>({ relayPort }: Stage, run: (session: Session) => Promise<T>): Promise<T> {
  const session = await dial(`127.0.0.1:${relayPort}`);
  try {
    return await run(session);
  } finally {
    await Promise.race([session.close(), wait(500)]);
  }
}

interface RelayRequest {
  readonly connectionIds: readonly Uint8Array[];
  readonly anchor: string;
}

/** What a client of its own making asks of the relay: 'granted', or the code of the refusal. */
async function ask(session: Session, request: RelayRequest): Promise<string> {
  type Path = { request(kind: 'relayOpen', value: RelayRequest, timeoutMs: number): Promise<unknown> };
  const { engine } = session as unknown as { readonly engine: { readonly paths: { require(id: number): Path } } };
  return engine.paths
    .require(0)
    .request('relayOpen', request, 5000)
    .then(
      () => 'granted',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
}

const ids = (count: number): Buffer[] => Array.from({ length: count }, () => randomBytes(ID_BYTES));

async function statsOf(relay: Child): Promise<ListenerStats> {
  relay.send({});
  return JSON.parse((await relay.message<{ stats: string }>()).stats) as ListenerStats;
}

/** As a client's first packet looks, with these ids. */
function longHeader(destination: Uint8Array, source: Uint8Array): Buffer {
  const head = Buffer.concat([
    Buffer.from([0xc3, 0, 0, 0, 1, destination.length]),
    destination,
    Buffer.from([source.length]),
    source,
  ]);
  return Buffer.concat([head, randomBytes(LONG_HEADER_BYTES - head.length)]);
}

/** With a short header. */
function shortHeader(destination: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x41]), destination, randomBytes(60)]);
}

const openRelay: Attack = {
  name: 'open-relay',
  about: 'A client has a relay send to others than its anchors: to this machine, to its network, to itself.',
  quick: true,
  run: (scene) =>
    withStage(scene, async (stage) => {
      const victim = await Sink.bind();
      const targets = [
        `127.0.0.1:${victim.port}`,
        `localhost:${victim.port}`,
        `127.0.0.1:${stage.relayPort}`,
        '169.254.169.254:80',
        '10.0.0.1:53',
        '224.0.0.1:5353',
        '0.0.0.0:9',
        '255.255.255.255:9',
        '[::1]:9',
      ];
      const answers = await withSession(stage, async (session) => {
        const all: string[] = [];
        for (const anchor of targets) {
          const connectionIds = ids(1);
          all.push(await ask(session, { connectionIds, anchor }));
          await victim.send(100, stage.relayPort, () => longHeader(randomBytes(ID_BYTES), connectionIds[0]!));
        }
        return all;
      });
      const granted = targets.filter((_, index) => answers[index] === 'granted');
      const { relay } = await statsOf(stage.relay);
      const came = victim.datagrams;
      victim.close();
      return [
        finding(
          'targets that are no anchors and were granted',
          granted.join(', ') || 'none',
          'none',
          granted.length === 0,
        ),
        finding('datagrams forwarded', relay.forwardedDatagrams, '0', relay.forwardedDatagrams === 0),
        finding('datagrams at a target', came, '0', came === 0),
      ];
    }),
};

const flowFlood: Attack = {
  name: 'flow-flood',
  about: `${SESSIONS} clients ask a relay again and again to forward connections that never come.`,
  quick: true,
  run: (scene) =>
    withStage(scene, async (stage) => {
      const anchor = `127.0.0.1:${stage.anchor.port}`;
      await statsOf(stage.relay);
      const before = stage.relay.residentMb;
      const most = await withSession(stage, async (first) => {
        const others = await Promise.all(
          Array.from({ length: SESSIONS - 1 }, () => dial(`127.0.0.1:${stage.relayPort}`)),
        );
        const flood = async (session: Session): Promise<void> => {
          for (let times = 0; times < REQUESTS; times += 1) await ask(session, { connectionIds: ids(4), anchor });
        };
        await Promise.all([first, ...others].map(flood));
        const { relay } = await statsOf(stage.relay);
        await Promise.all(others.map((session) => Promise.race([session.close(), wait(500)])));
        return relay.connections;
      });
      await wait(1000);
      const { relay } = await statsOf(stage.relay);
      return [
        atMost('connections that the relay looks after', most, SESSIONS * MAX_FLOWS, 'of them'),
        finding('when the clients have gone', relay.connections, '0', relay.connections === 0),
        atMost('memory that it has taken', stage.relay.residentMb - before, GROWTH_MB, 'MB'),
      ];
    }),
};

const forgedFlow: Attack = {
  name: 'forged-flow',
  about: 'Somebody who knows the ids of a connection that a relay forwards sends datagrams of it from elsewhere.',
  quick: true,
  run: (scene) =>
    withStage(scene, async (stage) => {
      const forger = await Sink.bind();
      const anchor = `127.0.0.1:${stage.anchor.port}`;
      const [id, second] = ids(2) as [Buffer, Buffer];
      const findings = await withSession(stage, async (session) => {
        const granted = await ask(session, { connectionIds: [id], anchor });
        await forger.send(FORGED, stage.relayPort, () => longHeader(randomBytes(ID_BYTES), id));
        await forger.send(FORGED, stage.relayPort, () => longHeader(id, randomBytes(ID_BYTES)));
        await forger.send(FORGED, stage.relayPort, () => shortHeader(id));
        const stolen = await withSession(stage, (other) => ask(other, { connectionIds: [id], anchor }));
        const still = await ask(session, { connectionIds: [second], anchor });
        return [
          finding('the honest registration', granted, 'granted', granted === 'granted'),
          finding('the same id for another client', stolen, 'a refusal', stolen !== 'granted'),
          finding('the honest client afterwards', still, 'granted', still === 'granted'),
        ];
      });
      const { relay } = await statsOf(stage.relay);
      const came = stage.anchor.datagrams;
      const sentBytes = 2 * FORGED * LONG_HEADER_BYTES;
      const back = forger.bytes;
      forger.close();
      return [
        ...findings,
        finding('forged datagrams at the anchor', came, '0', came === 0),
        finding('forwarded', relay.forwardedDatagrams, '0', relay.forwardedDatagrams === 0),
        atMost('bytes that came back to the forger, of each that was sent', back / sentBytes, 1, ''),
      ];
    }),
};

const throughRelay: Attack = {
  name: 'relay-amplifies',
  about: 'A client has a relay send to an anchor that does not answer, and hopes for more than it sends itself.',
  quick: true,
  run: (scene) =>
    withStage(scene, async (stage) => {
      const target = `127.0.0.1:${stage.anchor.port}`;
      const relays = [{ address: `127.0.0.1:${stage.relayPort}` }];
      const dials = Array.from({ length: DIALS }, () =>
        dial(target, { paths: { relays }, timeouts: { dialMs: 6000 } }).then(
          () => 'a session',
          (error: unknown) => (error as { code?: string }).code ?? String(error),
        ),
      );
      const outcomes = await Promise.all(dials);
      const { relay } = await statsOf(stage.relay);
      await wait(200);
      const came = stage.anchor.bytesFrom(stage.relayPort);
      return [
        finding('sessions with nobody', outcomes.join(', '), 'none', !outcomes.includes('a session')),
        finding('something was forwarded', relay.forwardedDatagrams, 'more than 0', relay.forwardedDatagrams > 0),
        finding(
          'bytes that went out, and came to the anchor from the relay',
          relay.forwardedBytes,
          `${came}`,
          relay.forwardedBytes === came,
        ),
        atMost('of each dial at a silent anchor', came / 1000 / DIALS, MAX_DIAL_KILOBYTES, 'kB'),
      ];
    }),
};

/** Attacks by clients of relays, and on those. */
export const relays: readonly Attack[] = [openRelay, flowFlood, forgedFlow, throughRelay];
