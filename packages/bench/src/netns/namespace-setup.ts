/** What turns two fresh namespaces with tun devices into a client and a server with one address per link. */
export interface NamespaceSetup {
  /** Keys with dots, in the namespace. */
  readonly sysctls: readonly (readonly [key: string, value: string])[];
  /** Lines for `ip -batch`. */
  readonly batch: readonly string[];
}

/** One table per link, from here on. */
const FIRST_TABLE = 100;
/** Packets in a device until the emulator fetches them: more than a burst of any sender here. */
const DEVICE_QUEUE_PACKETS = 10_000;
const MTU_BYTES = 1500;

/**
 * Buffers never limit: 2 × 50 Mbit/s at 640 ms RTT are 8 MB in flight, and reordering between paths needs as much
 * again. Same for both ends and for whatever runs over the lab.
 */
const MAX_SOCKET_BUFFER_BYTES = 64 * 1024 * 1024;

const SYSCTLS: NamespaceSetup['sysctls'] = [
  ['net.ipv4.conf.all.rp_filter', '0'],
  ['net.ipv4.conf.default.rp_filter', '0'],
  // Neighbour discovery and the like would be counted as traffic.
  ['net.ipv6.conf.all.disable_ipv6', '1'],
  ['net.ipv6.conf.default.disable_ipv6', '1'],
  // A run must not know what an earlier one learnt.
  ['net.ipv4.tcp_no_metrics_save', '1'],
  ['net.ipv4.tcp_rmem', `4096 131072 ${MAX_SOCKET_BUFFER_BYTES}`],
  ['net.ipv4.tcp_wmem', `4096 65536 ${MAX_SOCKET_BUFFER_BYTES}`],
];

export function clientAddressOf(link: number): string {
  return `10.77.${link}.1`;
}

export function serverAddressOf(link: number): string {
  return `10.77.${link}.2`;
}

/** The source address picks the link: a rule and a table for each. */
export function clientSetup(links: number): NamespaceSetup {
  const rules = numbers(links).flatMap((link) => [
    `route add default dev link${link} table ${FIRST_TABLE + link}`,
    `rule add from ${clientAddressOf(link)} table ${FIRST_TABLE + link}`,
  ]);
  return { sysctls: SYSCTLS, batch: [...devices(links, clientAddressOf), ...rules] };
}

/** The client's address picks the link, whichever of the server's is answered from: the devices' own routes do that. */
export function serverSetup(links: number): NamespaceSetup {
  return { sysctls: SYSCTLS, batch: devices(links, serverAddressOf) };
}

function devices(links: number, address: (link: number) => string): string[] {
  return [
    'link set lo up',
    ...numbers(links).flatMap((link) => [
      `address add ${address(link)}/24 dev link${link}`,
      `link set link${link} mtu ${MTU_BYTES} txqueuelen ${DEVICE_QUEUE_PACKETS} up`,
    ]),
  ];
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
