import { isIPv4, isIPv6 } from 'node:net';
import { KwikError } from '@kwik/wire';
import type { CheckedConnect } from '../arguments/connect-options.js';
import { Carrier } from '../carrier/carrier.js';
import { bindError, connectError, systemCodeOf } from '../errors.js';
import type { Network } from '../network.js';
import { dialOptionsOf } from '../settings/session-options.js';
import type { KwikSettings } from '../settings/settings.js';
import { type LookupListener, resolveAddresses, type ResolvedAddress } from './resolve.js';

/** What a socket tells while it connects. */
export interface ConnectListener {
  onLookup: LookupListener;
  onAttempt(to: ResolvedAddress, port: number): void;
  onAttemptFailed(to: ResolvedAddress, port: number, error: Error): void;
}

/** Connects as the options say. Rejects with the errors of `node:net`, and with KwikErrors where that has none. */
export async function connectCarrier(
  network: Network,
  checked: CheckedConnect,
  { listener, signal }: { readonly listener: ConnectListener; readonly signal: AbortSignal },
): Promise<Carrier> {
  const settings = network.settings(checked.kwik);
  const options = dialOptionsOf(settings, checked.localAddress);
  const addresses = await resolveAddresses(checked, (...found) => {
    if (!signal.aborted) listener.onLookup(...found);
  });
  signal.throwIfAborted();
  const first = addresses[0]!;
  const { port } = checked;
  // Of one that needs a local address node:net tells when it has that.
  const needsBind = checked.localAddress !== undefined || checked.localPort !== 0;
  if (!needsBind) listener.onAttempt(first, port);
  try {
    if (port === 0) throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'nobody listens on port 0');
    const target = { ...targetOf(checked, addresses, settings), port, localPort: checked.localPort };
    const opened = await network.pool.open({ target, options, pool: settings.pool ?? {}, signal });
    if (needsBind) listener.onAttempt(first, port);
    return new Carrier({ ...opened, hold: network.hold, onReleased: opened.release });
  } catch (cause) {
    signal.throwIfAborted();
    const error = inNodesWords(cause, first, checked);
    const isBound = (error as { syscall?: string }).syscall !== 'bind';
    if (needsBind && isBound) listener.onAttempt(first, port);
    if (isBound) listener.onAttemptFailed(first, port, error);
    throw error;
  }
}

/** What all of whose addresses are on this machine is trusted as this machine, where nobody says whom to trust. */
function targetOf(
  { host }: CheckedConnect,
  resolved: readonly ResolvedAddress[],
  { ca, pins, dial }: KwikSettings,
): { host: string; addresses: readonly string[] } {
  const addresses = resolved.map(({ address }) => reachable(address));
  const trusts = [ca, pins, dial?.trust?.ca, dial?.trust?.pins].some((each) => each !== undefined);
  return { host: !trusts && addresses.every(isLoopback) ? 'localhost' : host, addresses };
}

/** Who connects to no particular address means this machine. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

function isLoopback(address: string): boolean {
  return (isIPv4(address) && address.startsWith('127.')) || (isIPv6(address) && address === '::1');
}

function inNodesWords(cause: unknown, { address, family }: ResolvedAddress, checked: CheckedConnect): Error {
  const code = systemCodeOf(cause);
  if (code === undefined) return cause as Error;
  const { port, localPort } = checked;
  const localAddress = checked.localAddress ?? (family === 6 ? '::' : '0.0.0.0');
  const isBound = checked.localAddress !== undefined && localPort !== 0;
  const local = isBound ? { address: localAddress, port: localPort } : undefined;
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL') {
    return bindError(code, { address: localAddress, port: localPort }, cause);
  }
  return connectError(code, { address, port, local }, cause);
}
