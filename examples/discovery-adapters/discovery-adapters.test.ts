import { expect, jest, test } from '@jest/globals';
import { run } from './run.js';

jest.setTimeout(60_000);

test('servers of Consul and of Kubernetes, as their APIs tell of them, and a change at once', async () => {
  const { found, afterwards, asked } = await run();
  expect(found).toEqual([
    // Of two slices, and once ready; who is not even serving is left out, and so are ports of TCP.
    'films-0, 10.0.0.1:4433 [2001:db8::1]:4433, eu-1, weight 1',
    'films-1, 10.0.0.2:4433, weight 1, draining',
    'one, 192.0.2.1:4433, eu, weight 2',
  ]);
  expect(afterwards).toEqual([...found, 'two, 192.0.2.2:4433, eu, weight 2']);
  expect(asked).toContain('/v1/health/service/films?passing=true token-of-consul');
  expect(asked).toContain('/v1/health/service/films?passing=true&index=2&wait=20s token-of-consul');
  expect(asked).toContain(
    '/apis/discovery.k8s.io/v1/namespaces/media/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dfilms Bearer token-of-the-pod',
  );
});
