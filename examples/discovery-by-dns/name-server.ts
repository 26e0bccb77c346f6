import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode, encode } from 'dns-packet';

/** A server of the zone: where it is, and what stands in its TXT record. */
export interface ZoneServer {
  readonly name: string;
  readonly port: number;
  readonly txt: readonly string[];
}

/** Records of DNS-SD (RFC 6763) for the service `_kwik._udp.DOMAIN`, as an administrator would write them into a zone. */
function recordsOf(domain: string, servers: readonly ZoneServer[]): Answer[] {
  const service = `_kwik._udp.${domain}`;
  return servers.flatMap(({ name, port, txt }): Answer[] => {
    const instance = `${name}.${service}`;
    return [
      { name: service, type: 'PTR', ttl: 30, data: instance },
      { name: instance, type: 'SRV', ttl: 30, data: { target: 'localhost', port, priority: 0, weight: 1 } },
      { name: instance, type: 'TXT', ttl: 30, data: [...txt] },
    ];
  });
}

/** Answers for one zone, as BIND or dnsmasq would: enough of a name server for this example, and no more. */
export async function startNameServer(
  domain: string,
  servers: readonly ZoneServer[],
): Promise<{ address: string; stop: () => void }> {
  const records = recordsOf(domain, servers);
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    const { id, questions = [] } = decode(message);
    const asked = questions[0];
    const answers = records.filter(({ name, type }) => name === asked?.name && type === asked.type);
    socket.send(encode({ type: 'response', id: id ?? 0, questions, answers }), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, stop: () => socket.close() };
}
