import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  pskClientAuth,
  pskServerAuth,
  type DialOptions,
  type Listener,
  type ListenOptions,
  type ReplicaSource,
  type ServerSession,
  type Session,
} from '@kwik/session';
import { until } from '@kwik/testbed';
import { developmentCertificate } from '../src/credentials/dev-authority.js';
import { Flights, isEarly } from './flights.js';
import { fetchContent, Harness, pattern, readAll, sourceOf } from './harness.js';

jest.setTimeout(120_000);

const LONG_MS = 60_000;
const KEY = { name: 'laptop', key: new Uint8Array(32).fill(3) };

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** Reads all of each stream and answers with it. */
async function answerAll(session: ServerSession, asked: string[]): Promise<void> {
  for (;;) {
    const stream = await session.acceptStream();
    const request = Buffer.from(await readAll(stream)).toString();
    asked.push(request);
    await stream.write(`re: ${request}`);
    await stream.close();
  }
}

/** A server behind a relay that counts flights, and what its application was asked. */
class Scene {
  readonly asked: string[] = [];

  private constructor(
    readonly listener: Listener,
    readonly flights: Flights,
  ) {}

  static async open(options: ListenOptions = { earlyData: true }): Promise<Scene> {
    const listener = await harness.listen(options);
    const flights = await Flights.to(listener.address().port);
    harness.onClose(() => flights.close());
    const scene = new Scene(listener, flights);
    void scene.#serve();
    return scene;
  }

  async ask(question: string, options: DialOptions = {}): Promise<{ session: Session; answer: string }> {
    const session = await harness.dial(this.flights.address, {
      early: { data: question, end: true, repeatable: true },
      timeouts: { dialMs: LONG_MS },
      ...options,
    });
    return { session, answer: Buffer.from(await readAll(session.early!)).toString() };
  }

  /** Its connection has brought the ticket for the next dial by the time that the server's first answer came. */
  async askFirst(options: DialOptions = {}): Promise<void> {
    const { session, answer } = await this.ask('first', options);
    expect(answer).toBe('re: first');
    await session.close();
    this.asked.length = 0;
  }

  async #serve(): Promise<void> {
    for await (const session of this.listener) void answerAll(session, this.asked).catch(() => undefined);
  }
}

describe('a request that may be repeated', () => {
  test('is answered one round trip after the dial, by a server that was dialled before', async () => {
    const scene = await Scene.open();
    await scene.askFirst();
    const { flights } = scene;
    flights.hold();
    const asking = scene.ask('question');
    // No word of the server has come when its application has the question.
    await until(() => scene.asked.length > 0, LONG_MS);
    expect(scene.asked).toEqual(['question']);
    flights.losesUp = true;
    flights.release();
    expect((await asking).answer).toBe('re: question');
    flights.losesUp = false;
  });

  test('waits for the handshake at the first dial, and where it is not said to be repeatable', async () => {
    const scene = await Scene.open();
    const { flights } = scene;
    for (const repeatable of [true, false]) {
      flights.hold();
      const asking = scene.ask('question', { early: { data: 'question', end: true, repeatable } });
      await until(() => flights.held!.length > 1 && flights.up.length > 1, LONG_MS);
      expect([flights.up.some(isEarly), scene.asked]).toEqual([false, []]);
      flights.release();
      await (await asking).session.close();
      scene.asked.length = 0;
    }
  });

  test('goes again after the handshake to a server that cannot open the ticket, and is asked for once', async () => {
    const { certPem: cert, keyPem: key } = await developmentCertificate(['127.0.0.1']);
    const scene = await Scene.open({ earlyData: true, credentials: { cert, key } });
    await scene.askFirst();
    // With other keys for its tickets.
    scene.listener.updateCredentials({ cert, key });
    scene.flights.up.length = 0;
    expect((await scene.ask('question')).answer).toBe('re: question');
    expect(scene.flights.up.some(isEarly)).toBe(true);
    expect(scene.asked).toEqual(['question']);
  });

  test('is asked of a server that has another certificate now on a new connection, once', async () => {
    const scene = await Scene.open();
    await scene.askFirst();
    const { certPem, keyPem } = await developmentCertificate(['localhost', '127.0.0.1']);
    scene.listener.updateCredentials({ cert: certPem, key: keyPem });
    expect((await scene.ask('question')).answer).toBe('re: question');
    expect(scene.asked).toEqual(['question']);
    // And early again the next time.
    scene.asked.length = 0;
    scene.flights.hold();
    const asking = scene.ask('again');
    await until(() => scene.asked.length > 0, LONG_MS);
    scene.flights.release();
    expect((await asking).answer).toBe('re: again');
  });

  test('reaches no application before the client has proved that it knows its key', async () => {
    const auth = [pskServerAuth({ keys: new Map([[KEY.name, KEY.key]]) })];
    const scene = await Scene.open({ earlyData: true, auth });
    const client = { auth: [pskClientAuth(KEY)] };
    await scene.askFirst(client);
    const { flights } = scene;
    flights.hold();
    const asking = scene.ask('question', client);
    await until(() => flights.up.some(isEarly) && flights.held!.length > 2, LONG_MS);
    expect(scene.asked).toEqual([]);
    flights.release();
    expect((await asking).answer).toBe('re: question');
    expect(scene.asked).toEqual(['question']);
  });

  test('that somebody sends again is not done again, and opens no session', async () => {
    const scene = await Scene.open();
    await scene.askFirst();
    const { flights, listener } = scene;
    flights.up.length = 0;
    await (await scene.ask('question')).session.close();
    const { opened } = listener.stats();
    const thief = await Flights.to(listener.address().port);
    harness.onClose(() => thief.close());
    const flight = flights.up.slice(0, flights.up.findLastIndex(isEarly) + 1);
    expect(flight.length).toBeGreaterThan(1);
    for (const datagram of flight) thief.toServer(datagram);
    await until(() => thief.down > 0, LONG_MS);
    // By the time that another session is through, what came before it has been seen to.
    await scene.ask('after');
    expect(listener.stats().opened).toBe(opened + 1);
    expect(scene.asked).toEqual(['question', 'after']);
  });
});

describe('a server that the primary adds', () => {
  test('is asked for content, and answers, in one round trip where it was dialled before', async () => {
    const flights = await Flights.to(0);
    harness.onClose(() => flights.close());
    const content = pattern(2_000_000, 5);
    let reads = 0;
    const source = sourceOf(content);
    const counted = { ...source, read: (...at: Parameters<ReplicaSource['read']>) => (reads++, source.read(...at)) };
    const identity = { audiences: [flights.address] };
    const second = await harness.listen({ earlyData: true, identity, replica: () => counted });
    flights.serverPort = second.address().port;
    const primary = await harness.listen();
    const open = async (): Promise<{ client: Session; server: ServerSession }> => {
      const [client, server] = await Promise.all([harness.dial(primary, { resumption: true }), primary.accept()]);
      return { client, server };
    };
    const before = await open();
    await before.server.addPath(flights.address);
    await before.client.close();

    const { client, server } = await open();
    // The primary begins, and has the first bytes come from the other server.
    let goOn = (): void => undefined;
    const gate = new Promise<void>((done) => (goOn = done));
    const late = { ...source, read: (...at: Parameters<ReplicaSource['read']>) => gate.then(() => source.read(...at)) };
    void server.acceptStream().then(async (stream) => {
      await stream.read();
      await stream.sendFrom('film', late);
      await stream.close();
    });
    const fetching = fetchContent(client);
    flights.hold();
    const adding = server.addPath(flights.address);
    await until(() => reads > 0 && flights.held!.length > 2, LONG_MS);
    flights.losesUp = true;
    flights.release();
    await until(
      () => client.getAllPaths().some(({ primary: isPrimary, receivedBytes }) => !isPrimary && receivedBytes > 0),
      LONG_MS,
    );
    flights.losesUp = false;
    goOn();
    await adding;
    expect(Buffer.compare(await fetching, content)).toBe(0);
  });
});

test('sessions over resumed connections are as any other', async () => {
  const scene = await Scene.open({});
  for (let times = 0; times < 3; times++) {
    const session = await harness.dial(scene.flights.address, { resumption: true });
    const stream = session.openStream();
    await stream.write(`question ${times}`);
    await stream.close();
    expect(Buffer.from(await readAll(stream)).toString()).toBe(`re: question ${times}`);
    await session.close();
  }
});
