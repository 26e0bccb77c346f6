import { readFile } from 'node:fs/promises';
import { pollingSource, type DiscoverySource, type RecordInput } from '@kwik/discovery';

/** Of an EndpointSlice (`discovery.k8s.io/v1`) what matters here. */
interface EndpointSlice {
  readonly ports: readonly { readonly port?: number; readonly protocol?: string }[] | null;
  readonly endpoints:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
        readonly zone?: string;
        readonly targetRef?: { readonly name?: string };
      }[]
    | null;
}

export interface KubernetesOptions {
  /** Default: the cluster's own, for a pod. Its authority goes into `NODE_EXTRA_CA_CERTS`. */
  readonly url?: string;
  readonly namespace: string;
  readonly service: string;
  /** Default: that of the pod's service account, which may `list` endpointslices. */
  readonly tokenFile?: string;
}

/** Pods behind a service with a UDP port: those that are ready, and those that only finish what they have begun, as draining. */
export function kubernetes(options: KubernetesOptions): DiscoverySource {
  const { url = 'https://kubernetes.default.svc', namespace, service } = options;
  const tokenFile = options.tokenFile ?? '/var/run/secrets/kubernetes.io/serviceaccount/token';
  const read = async (signal: AbortSignal): Promise<RecordInput[]> => {
    const slices = new URL(`apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, `${url}/`);
    slices.searchParams.set('labelSelector', `kubernetes.io/service-name=${service}`);
    // Read each time, because it is renewed every hour.
    const headers = { authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` };
    const response = await fetch(slices, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
    if (!response.ok) throw new Error(`Kubernetes answers ${response.status}`);
    const { items } = (await response.json()) as { readonly items: readonly EndpointSlice[] };
    return items.flatMap(serversOf);
  };
  return pollingSource({ name: 'kubernetes', read, intervalMs: 5000 });
}

function serversOf({ ports, endpoints }: EndpointSlice): RecordInput[] {
  const port = ports?.find(({ protocol }) => protocol === 'UDP')?.port;
  if (port === undefined) return [];
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false || conditions.serving === true)
    .map(({ addresses, conditions, zone = '', targetRef }) => ({
      serverId: targetRef?.name ?? '',
      addresses: addresses.map((address) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)),
      zone,
      accepting: conditions?.ready !== false,
    }));
}
