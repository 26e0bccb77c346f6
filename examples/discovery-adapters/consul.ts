import { pollingSource, type DiscoverySource, type RecordInput } from '@kwik/discovery';

/** One of the healthy instances of a service, as Consul's `/v1/health/service/NAME` tells of it. */
interface Instance {
  readonly Node: { readonly Address: string; readonly Datacenter: string };
  readonly Service: {
    readonly ID: string;
    readonly Address: string;
    readonly Port: number;
    readonly Tags: readonly string[] | null;
    readonly Weights?: { readonly Passing: number };
  };
}

/** Servers of a service in Consul whose checks pass. A question waits there until something has changed (a blocking query). */
export function consul(options: {
  readonly url: string;
  readonly service: string;
  readonly token?: string;
}): DiscoverySource {
  const headers: Record<string, string> = options.token === undefined ? {} : { 'x-consul-token': options.token };
  let index = 0;
  const read = async (signal: AbortSignal): Promise<RecordInput[]> => {
    const url = new URL(`v1/health/service/${encodeURIComponent(options.service)}?passing=true`, options.url);
    if (index > 0) url.search += `&index=${index}&wait=20s`;
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]) });
    if (!response.ok) throw new Error(`Consul answers ${response.status}`);
    const next = Number(response.headers.get('x-consul-index'));
    // An index that falls is of another life of the server: begin anew.
    index = next > index ? next : 0;
    return ((await response.json()) as Instance[]).map(({ Node, Service }) => ({
      serverId: Service.ID,
      addresses: [`${Service.Address === '' ? Node.Address : Service.Address}:${Service.Port}`],
      region: Node.Datacenter,
      tags: Service.Tags ?? [],
      weight: Math.max(1, Service.Weights?.Passing ?? 1),
    }));
  };
  return pollingSource({ name: 'consul', read, intervalMs: 1000 });
}
