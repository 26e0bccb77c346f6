import { describe, expect, it } from '@jest/globals';
import { PRIMARY_PATH_ID, stopSendingFrame, toPathId, type PathId } from '@kwik/wire';
import { connect, DataLink, eventsOf, LIMITS, planeOf } from '../../test-support/data-link.js';
import { patternBytes, TestRandom } from '../../test-support/random.js';
import type { DataPlane } from './data-plane.js';

const SECOND = toPathId(1);

/** A client and its primary with two paths between them. */
function twoPaths(seed: number, allowsCopies = () => true) {
  const random = new TestRandom(seed);
  const client = planeOf('client', LIMITS);
  const server = planeOf('primary', LIMITS, { allowsCopies });
  for (const id of [PRIMARY_PATH_ID, SECOND]) {
    client.addPath(id, {
      maxBidiStreams: LIMITS.maxStreams,
      maxUniStreams: LIMITS.maxStreams,
      streamWindowBytes: LIMITS.streamWindowBytes,
      pathWindowBytes: LIMITS.pathWindowBytes,
      primary: true,
    });
    connect(server, LIMITS, id);
  }
  const links = new Map<PathId, DataLink>([
    [PRIMARY_PATH_ID, new DataLink(random, client, server, PRIMARY_PATH_ID)],
    [SECOND, new DataLink(random, client, server, SECOND)],
  ]);
  return { random, client, server, links };
}

function failOnViolation(...planes: DataPlane[]): void {
  for (const event of planes.flatMap(eventsOf)) if (event.kind === 'violation') throw event.error;
}

/** Sends 60 kB to the client over both paths; at some point the first one stalls, is suspected, and clears or dies. */
function transfer(seed: number, fate: 'clears' | 'dies'): { received: Uint8Array; copied: number } {
  const { random, client, server, links } = twoPaths(seed);
  const sent = patternBytes(60_000);
  const stream = server.open(true);
  client.handleStreamOpened(stream.id);
  stream.send!.write(sent.subarray(0, 50_000));
  let written = 50_000;
  server.markReady(stream);
  const chunks: Uint8Array[] = [];
  const reading = client.streams.get(stream.id)!;
  const suspectedAt = random.between(20, 120);
  for (let now = 0; now < 5000 && reading.receive!.state !== 'finished'; now++) {
    const stalled = now >= suspectedAt && (fate === 'dies' || now < suspectedAt + 200);
    if (now === suspectedAt + 20) server.setHealth(PRIMARY_PATH_ID, 'suspected', now);
    if (now === suspectedAt + 220) {
      if (fate === 'clears') server.setHealth(PRIMARY_PATH_ID, 'active', now);
      else for (const plane of [client, server]) plane.removePath(PRIMARY_PATH_ID);
    }
    for (const [id, link] of links) {
      if (id === PRIMARY_PATH_ID && stalled) continue;
      link.send(random.pick([0, 1200, 9000]), now);
      link.deliver(9000, now);
    }
    if (written < sent.length && stream.send!.room >= 10_000) {
      stream.send!.write(sent.subarray(50_000));
      stream.send!.finish();
      written = sent.length;
      server.markReady(stream);
    }
    const chunk = client.read(reading, random.between(1, 9000));
    if (chunk !== undefined) chunks.push(chunk.data.slice());
    failOnViolation(client, server);
  }
  return { received: Buffer.concat(chunks), copied: server.copiedBytes };
}

/** A primary with three paths, over all of which something has just come, and a piece under way on the first. */
function underWay(seed: number, bytes = 1000) {
  const { client, server } = twoPaths(seed);
  const third = toPathId(2);
  connect(server, LIMITS, third);
  for (const id of [PRIMARY_PATH_ID, SECOND, third]) server.path(id)!.lastPacketMs = 0;
  const stream = server.open(true);
  stream.send!.write(patternBytes(bytes));
  server.markReady(stream);
  expect(server.pollPacket(PRIMARY_PATH_ID, 2 * bytes, 0)).toBeDefined();
  return { client, server, third };
}

describe('what a path owes', () => {
  it.each(['clears', 'dies'] as const)('goes out again when it is suspected, whether it %s: each byte once', (fate) => {
    let copied = 0;
    for (let seed = 0; seed < 40; seed++) {
      const result = transfer(seed, fate);
      expect(Buffer.from(result.received).equals(patternBytes(60_000))).toBe(true);
      copied += result.copied;
    }
    expect(copied).toBeGreaterThan(0);
  });

  it('goes out a third time when the path that took it over does not answer either', () => {
    const { server, third } = underWay(4);
    server.setHealth(PRIMARY_PATH_ID, 'suspected', 0);
    expect(server.pollPacket(SECOND, 2000, 1, 'copies')).toBeDefined();
    expect(server.pollPacket(third, 2000, 1, 'copies')).toBeUndefined();
    server.setHealth(SECOND, 'suspected', 0);
    expect(server.pollPacket(third, 2000, 2, 'copies')).toBeDefined();
    expect(server.copiedBytes).toBe(2000);
    for (const id of [PRIMARY_PATH_ID, SECOND]) server.removePath(id);
    expect(server.pollPacket(third, 2000, 3)).toBeUndefined();
  });

  it('goes out on all others at once when each of them may be as silent, and on the one that surely is not', () => {
    const silent = underWay(10);
    silent.server.setHealth(PRIMARY_PATH_ID, 'suspected', 100);
    for (const id of [SECOND, silent.third]) {
      expect(silent.server.pollPacket(id, 2000, 100, 'copies')).toBeDefined();
      expect(silent.server.pollPacket(id, 2000, 100, 'copies')).toBeUndefined();
    }
    expect(silent.server.copiedBytes).toBe(2000);
    const { server, third } = underWay(10);
    server.path(third)!.lastPacketMs = 100;
    server.setHealth(PRIMARY_PATH_ID, 'suspected', 100);
    expect(server.pollPacket(SECOND, 2000, 100, 'copies')).toBeUndefined();
    expect(server.pollPacket(third, 2000, 100, 'copies')).toBeDefined();
    expect(server.copiedBytes).toBe(1000);
  });

  it('goes out once when it is more than a connection may send at once', () => {
    const { server, third } = underWay(11, 16_000);
    server.setHealth(PRIMARY_PATH_ID, 'suspected', 100);
    for (const id of [SECOND, third]) server.pollPacket(id, 32_000, 100, 'copies');
    expect(server.copiedBytes).toBe(16_000);
  });

  it('goes out on the first path that answers again when it was sent while none did', () => {
    const { server, third } = underWay(6);
    for (const id of [third, SECOND, PRIMARY_PATH_ID]) server.setHealth(id, 'suspected', 0);
    const stream = server.open(true);
    stream.send!.write(patternBytes(500));
    server.markReady(stream);
    expect(server.pollPacket(PRIMARY_PATH_ID, 2000, 1)).toBeDefined();
    expect(server.pollPacket(SECOND, 2000, 2, 'copies')).toBeUndefined();
    server.setHealth(SECOND, 'active', 0);
    while (server.pollPacket(SECOND, 2000, 3, 'copies') !== undefined);
    expect(server.copiedBytes).toBe(1500);
  });

  it('goes out on a path that is new when there was no other before', () => {
    const { server, third } = underWay(7);
    for (const id of [third, SECOND]) server.removePath(id);
    server.setHealth(PRIMARY_PATH_ID, 'suspected', 0);
    connect(server, LIMITS, SECOND);
    expect(server.pollPacket(SECOND, 2000, 1, 'copies')).toBeDefined();
    expect(server.copiedBytes).toBe(1000);
  });

  it('leaves control frames alone of which the path that answers again has newer ones', () => {
    const { client, server } = twoPaths(8);
    const stream = server.open(true);
    client.handleStreamOpened(stream.id);
    client.stopSending(client.streams.get(stream.id)!, 3);
    expect(client.pollPacket(PRIMARY_PATH_ID, 0, 0)).toBeDefined();
    for (const id of [SECOND, PRIMARY_PATH_ID]) client.setHealth(id, 'suspected', 0);
    client.path(SECOND)!.queueFrame(`stop ${stream.id}`, stopSendingFrame({ streamId: stream.id, code: 4 }), true);
    client.setHealth(SECOND, 'active', 0);
    server.handleChunk(SECOND, 0, client.pollPacket(SECOND, 0, 100)!, 100);
    expect(stream.send!.stopCode).toBe(4);
  });

  it('is not given twice to one path, so that it is left for a third when that one is lost as well', () => {
    const { server, third } = underWay(5);
    // A copy that shortens a wait; then the first is suspected, heard, and suspected again.
    expect(server.pollCopy(PRIMARY_PATH_ID, SECOND, 2000, 1)).toBeDefined();
    for (const health of ['suspected', 'active', 'suspected'] as const) {
      server.setHealth(PRIMARY_PATH_ID, health, 0);
      expect(server.pollPacket(SECOND, 2000, 2, 'copies')).toBeUndefined();
    }
    server.setHealth(SECOND, 'suspected', 0);
    expect(server.pollPacket(third, 2000, 3, 'copies')).toBeDefined();
    expect(server.pollPacket(third, 2000, 3, 'copies')).toBeUndefined();
  });

  it('is acknowledged over the other path while its own is not well', () => {
    const { client, server } = twoPaths(1);
    const stream = server.open(true);
    stream.send!.write(patternBytes(1000));
    server.markReady(stream);
    client.handleChunk(PRIMARY_PATH_ID, 0, server.pollPacket(PRIMARY_PATH_ID, 2000, 0)!, 0);
    client.setHealth(PRIMARY_PATH_ID, 'suspected', 0);
    const due = client.nextTimeoutMs()!;
    server.handleChunk(SECOND, 0, client.pollPacket(SECOND, 0, due)!, due);
    expect(stream.send!.flushed).toBe(true);
    failOnViolation(client, server);
  });

  it('is said again on the path that is left, control frames too, although others had taken its place before', () => {
    const { client, server } = twoPaths(3);
    const stream = server.open(true);
    client.handleStreamOpened(stream.id);
    const reading = client.streams.get(stream.id)!;
    client.stopSending(reading, 9);
    // Sent on the first path, and lost there.
    expect(client.pollPacket(PRIMARY_PATH_ID, 0, 0)).toBeDefined();
    client.path(PRIMARY_PATH_ID)!.health = 'suspended';
    client.removePath(PRIMARY_PATH_ID);
    server.handleChunk(SECOND, 0, client.pollPacket(SECOND, 0, 1)!, 1);
    expect(stream.send!.stopCode).toBe(9);
  });

  it('goes out once while copies are not to be had, unless its path does not answer; and as before afterwards', () => {
    let allowed = false;
    const { server } = twoPaths(9, () => allowed);
    server.path(SECOND)!.rtt.sample(10, 0, 0);
    server.path(PRIMARY_PATH_ID)!.rtt.sample(400, 0, 0);
    server.path(SECOND)!.lastPacketMs = 0;
    const stream = server.open(true);
    const send = (now: number): void => {
      stream.send!.write(patternBytes(1000));
      server.markReady(stream);
      expect(server.pollPacket(PRIMARY_PATH_ID, 2000, now)).toBeDefined();
    };
    send(0);
    // Neither what protects it, nor what shortens the wait.
    expect(server.pollCopy(PRIMARY_PATH_ID, SECOND, 2000, 1)).toBeUndefined();
    expect(server.pollPacket(SECOND, 2000, 10, 'copies')).toBeUndefined();
    server.setHealth(PRIMARY_PATH_ID, 'suspected', 0);
    expect(server.pollPacket(SECOND, 2000, 20, 'copies')).toBeDefined();
    server.setHealth(PRIMARY_PATH_ID, 'active', 0);
    allowed = true;
    send(30);
    expect(server.pollCopy(PRIMARY_PATH_ID, SECOND, 2000, 31)).toBeDefined();
    send(40);
    expect(server.pollPacket(SECOND, 2000, 50, 'copies')).toBeDefined();
    expect(server.copiedBytes).toBe(3000);
  });

  it('is not copied without end: the tail has a budget', () => {
    const { server } = twoPaths(2);
    const stream = server.open(true);
    server.path(SECOND)!.rtt.sample(10, 0, 0);
    server.path(PRIMARY_PATH_ID)!.rtt.sample(400, 0, 0);
    let now = 0;
    for (let count = 0; count < 40; count++) {
      if (stream.send!.room > 8000) stream.send!.write(patternBytes(8000));
      server.markReady(stream);
      server.pollPacket(PRIMARY_PATH_ID, 9000, now);
      now += 10;
      while (server.pollPacket(SECOND, 9000, now, 'copies') !== undefined);
    }
    expect(server.copiedBytes).toBeGreaterThan(0);
    expect(server.copiedBytes).toBeLessThanOrEqual(server.path(PRIMARY_PATH_ID)!.sentBytes);
    expect(server.copiedBytes).toBeLessThan(400_000);
  });
});

describe('a path over which nothing has come for a round trip', () => {
  it('gets nothing while it is doubtful, and is asked, when the peer sends over another one what had not come', () => {
    const { client, server } = twoPaths(12);
    for (const id of [PRIMARY_PATH_ID, SECOND]) server.path(id)!.rtt.sample(20, 0, 0);
    const question = client.open(false);
    question.send!.write(patternBytes(100));
    client.markReady(question);
    // Lost with the first path, and sent again on the second.
    expect(client.pollPacket(PRIMARY_PATH_ID, 2000, 0)).toBeDefined();
    client.setHealth(PRIMARY_PATH_ID, 'suspected', 80);
    eventsOf(server);
    server.path(PRIMARY_PATH_ID)!.lastPacketMs = 60;
    server.handleChunk(SECOND, 0, client.pollPacket(SECOND, 2000, 80, 'copies')!, 90);
    expect(eventsOf(server)).toContainEqual({ kind: 'doubtful', pathId: PRIMARY_PATH_ID });
    const answer = server.handleStreamOpened(question.id)!;
    answer.send!.write(patternBytes(100));
    server.markReady(answer);
    expect(server.defaultPath?.id).toBe(SECOND);
    expect(server.pollPacket(PRIMARY_PATH_ID, 2000, 90)).toBeUndefined();
    expect(server.pollPacket(SECOND, 2000, 90)).toBeDefined();
    server.path(PRIMARY_PATH_ID)!.lastPacketMs = 95;
    expect(server.defaultPath?.id).toBe(PRIMARY_PATH_ID);
  });

  it('is left alone when it is heard, or when what came was not sent again', () => {
    const { client, server } = twoPaths(13);
    server.path(PRIMARY_PATH_ID)!.rtt.sample(20, 0, 0);
    const stream = client.open(false);
    const send = (health: 'active' | 'suspected', now: number): void => {
      stream.send!.write(patternBytes(100));
      client.markReady(stream);
      if (health === 'suspected') client.pollPacket(PRIMARY_PATH_ID, 2000, now);
      client.setHealth(PRIMARY_PATH_ID, health, now);
      server.handleChunk(SECOND, 0, client.pollPacket(SECOND, 2000, now)!, now);
    };
    send('active', 100);
    server.path(PRIMARY_PATH_ID)!.lastPacketMs = 190;
    send('suspected', 200);
    expect(eventsOf(server).filter(({ kind }) => kind === 'doubtful')).toEqual([]);
  });
});
