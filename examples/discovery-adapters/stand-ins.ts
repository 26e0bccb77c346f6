import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';

/** What Consul and the API of Kubernetes answer, for a machine that has neither. */
export interface StandIn extends AsyncDisposable {
  readonly url: string;
  /** What was asked for, with the token that was shown. */
  readonly asked: readonly string[];
  /** The instances of Consul from now on; a question that waits is answered at once. */
  instances(instances: readonly object[]): void;
}

export async function standIn(slices: readonly object[]): Promise<StandIn> {
  const asked: string[] = [];
  const waiting = new Set<() => void>();
  let [index, now]: [number, readonly object[]] = [1, []];
  const consul: RequestListener = (request, response) => {
    const answer = (): void => {
      waiting.delete(answer);
      response.setHeader('x-consul-index', index).end(JSON.stringify(now));
    };
    const known = Number(new URL(request.url ?? '', 'http://consul').searchParams.get('index') ?? 0);
    if (known < index) answer();
    else waiting.add(answer);
  };
  const server = createServer((request, response) => {
    const { authorization, 'x-consul-token': token } = request.headers;
    asked.push(`${request.url} ${authorization ?? String(token)}`);
    if (request.url?.startsWith('/v1/health') === true) consul(request, response);
    else response.end(JSON.stringify({ kind: 'EndpointSliceList', items: slices }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    asked,
    instances: (instances) => {
      [index, now] = [index + 1, instances];
      for (const answer of [...waiting]) answer();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
