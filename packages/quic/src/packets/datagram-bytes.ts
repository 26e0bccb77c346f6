/** What Ethernet carries: 1500 bytes less the headers of IP and UDP. The lesser passes most tunnels through it as well. */
export const ETHERNET_IPV4_BYTES = 1472;
export const ETHERNET_IPV6_BYTES = 1452;
