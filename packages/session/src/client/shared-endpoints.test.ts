import { afterEach, describe, expect, test } from '@jest/globals';
import type { EndpointLease } from './shared-endpoints.js';
import { MAX_LEASES, SharedEndpoints } from './shared-endpoints.js';

const HOST = '127.0.0.1';
const shared = new SharedEndpoints();
const leases: EndpointLease[] = [];

async function lease(): Promise<EndpointLease> {
  const made = await shared.lease(HOST);
  leases.push(made);
  return made;
}

const portOf = ({ endpoint }: EndpointLease): number => endpoint.address().port;

afterEach(async () => {
  await Promise.all(leases.splice(0).map((made) => made.release()));
});

describe('shared endpoints', () => {
  test('leases share a socket, also when they are asked for at once, and a full one is followed by another', async () => {
    const first = await Promise.all(Array.from({ length: MAX_LEASES }, lease));
    expect(new Set(first.map(portOf)).size).toBe(1);
    const next = await lease();
    expect(portOf(next)).not.toBe(portOf(first[0]!));
    await first[3]!.release();
    const more = await Promise.all(Array.from({ length: MAX_LEASES }, lease));
    expect(new Set(more.map(portOf))).toEqual(new Set([portOf(next), portOf(first[0]!)]));
  });

  test('the socket is open until the last lease is released, and each counts once', async () => {
    const [one, other] = [await lease(), await lease()];
    await Promise.all([one.release(), one.release()]);
    expect(portOf(await lease())).toBe(portOf(other));
    await leases.pop()!.release();
    await other.release();
    await expect(other.endpoint.dial({ host: HOST, port: 9, trust: { pins: ['0'.repeat(64)] } })).rejects.toThrow(
      'the endpoint is closed',
    );
  });

  test('an address that this machine does not have is refused, each time', async () => {
    for (let time = 0; time < 2; time++) {
      await expect(shared.lease('192.0.2.1')).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    }
  });
});
