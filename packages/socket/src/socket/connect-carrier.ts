import { type BlockList, isIPv4, isIPv6 } from 'node:net';
import { KwikError } from '@kwik/wire';
import { blocked, isBlocked } from '../arguments/block-list.js';
import type { CheckedConnect } from '../arguments/connect-options.js';
import { Carrier } from '../carrier/carrier.js';
import { ConnectionRequest } from '../carrier/preamble.js';
import { orAborted } from '../or-aborted.js';
import { allRefused, bindError, connectError, systemCodeOf, type SystemError } from '../errors.js';
import type { Network } from '../network.js';
import type { PoolRequest } from '../pool/session-pool.js';
import { dialOptionsOf } from '../settings/session-options.js';
import type { KwikSettings } from '../settings/settings.js';
import { isService } from './find-service.js';
import { type LookupListener, resolveAddresses, type ResolvedAddress } from './resolve.js';

/** What a socket tells while it connects. */
export interface ConnectListener {
  onLookup: LookupListener;
  /** `ofSeveral`: of the addresses of a name that has more than one. */
  onAttempt(to: ResolvedAddress, port: number, ofSeveral: boolean): void;
  onAttemptFailed(to: ResolvedAddress, port: number, error: Error): void;
}

interface Hearing {
  readonly listener: ConnectListener;
  /** The socket is destroyed. */
  readonly signal: AbortSignal;
  /** Addresses to which it does not connect. */
  readonly blockList: BlockList | undefined;
}

interface Told extends Hearing {
  /** Takes up to so many bytes of what was written and waits for the connection: they are sent. */
  readonly takeWritten: (most: number) => Uint8Array;
}

/**
 * Connects as the options say. Rejects with the errors of `node:net`, and with KwikErrors where that has none; when it takes
 * longer than `connectMs`, with ETIMEDOUT, whatever it is that takes so long.
 */
export async function connectCarrier(network: Network, checked: CheckedConnect, told: Told): Promise<Carrier> {
  const settings = network.settings(checked.kwik);
  const options = dialOptionsOf(settings, checked.localAddress);
  const { dialMs } = options.timeouts;
  const timeout = new KwikError('ERR_KWIK_TIMEOUT', `not connected in ${dialMs} ms`);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(timeout), dialMs);
  timer.unref();
  try {
    const giveUp = AbortSignal.any([told.signal, late.signal]);
    const { pool = {}, intent, fastOpen = false } = settings;
    const connection = new ConnectionRequest(fastOpen ? told.takeWritten : undefined);
    const wanted = { options, pool, intent, connection, signal: giveUp };
    return await connectUntil(network, checked, settings, { wanted, ...told });
  } catch (error) {
    // Not even the name was resolved.
    if (error === timeout) throw connectError('ETIMEDOUT', { address: checked.host, port: checked.port }, timeout);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function connectUntil(
  network: Network,
  checked: CheckedConnect,
  settings: KwikSettings,
  { wanted, ...hearing }: Hearing & { readonly wanted: Omit<PoolRequest, 'target'> },
): Promise<Carrier> {
  const { listener, signal } = hearing;
  const giveUp = wanted.signal;
  const discovery = network.discoveries.of(settings);
  if (discovery !== undefined && (await orAborted(isService(checked, discovery, giveUp), giveUp))) {
    // Where several servers may be asked, nothing of the application goes before one of them has taken the connection; the request
    // for it goes to the first with the hello, and a connection that it takes in vain is over at once.
    const request = { ...wanted, target: { service: checked.host, discovery }, connection: new ConnectionRequest() };
    return connectService(network, checked, { request, ...hearing });
  }
  const resolving = resolveAddresses(checked, (...found) => {
    if (!giveUp.aborted) listener.onLookup(...found);
  });
  const { port } = checked;
  const addresses = allowedOf(await orAborted(resolving, giveUp), port, hearing);
  const first = addresses[0]!;
  // Of one that needs a local address node:net tells when it has that.
  const needsBind = checked.localAddress !== undefined || checked.localPort !== 0;
  const tell = (to: ResolvedAddress): void => listener.onAttempt(to, port, addresses.length > 1);
  if (!needsBind) tell(first);
  try {
    if (port === 0) throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'nobody listens on port 0');
    const target = { ...targetOf(checked, addresses, settings), port, localPort: checked.localPort };
    const opened = await network.pool.open({ target, ...wanted });
    if (needsBind) tell(first);
    tellWinner(addresses, opened.addresses.remote.address, tell);
    return new Carrier({ ...opened, hold: network.hold, onReleased: opened.release });
  } catch (cause) {
    signal.throwIfAborted();
    const each = eachRefused(cause, addresses, checked);
    if (each !== undefined) throw tellEach(each, addresses, port, listener);
    const error = inNodesWords(cause, first, checked);
    const isBound = (error as { syscall?: string }).syscall !== 'bind';
    if (needsBind && isBound) tell(first);
    if (isBound) listener.onAttemptFailed(first, port, error);
    throw error;
  }
}

/** To whichever server of a service answers first; only then is it known which address that is. */
async function connectService(
  network: Network,
  { host, port }: CheckedConnect,
  { request, listener, signal, blockList }: Hearing & { readonly request: PoolRequest },
): Promise<Carrier> {
  try {
    const opened = await network.pool.open(request);
    const { address, port: ownPort } = opened.addresses.remote;
    const to = { address, family: isIPv6(address) ? 6 : 4 };
    listener.onLookup(null, to.address, to.family);
    listener.onAttempt(to, ownPort, false);
    const carrier = new Carrier({ ...opened, hold: network.hold, onReleased: opened.release });
    if (!isBlocked(blockList, address)) return carrier;
    carrier.leave({ abrupt: true, held: false });
    throw blocked(address);
  } catch (cause) {
    signal.throwIfAborted();
    const code = systemCodeOf(cause);
    throw code === undefined ? cause : connectError(code, { address: host, port }, cause);
  }
}

/** Those that are not blocked. Tells of the others as `node:net` does, and throws what that fails with when all of them are. */
function allowedOf(
  addresses: readonly ResolvedAddress[],
  port: number,
  { blockList, listener }: Hearing,
): readonly ResolvedAddress[] {
  const allowed = addresses.filter(({ address }) => !isBlocked(blockList, address));
  if (allowed.length === addresses.length) return allowed;
  const [first, second] = addresses;
  if (second === undefined) {
    listener.onAttempt(first!, port, false);
    throw blocked(first!.address);
  }
  const refused = addresses.filter((each) => !allowed.includes(each));
  const errors = refused.map(({ address }) => blocked(address));
  for (const [index, to] of refused.entries()) listener.onAttemptFailed(to, port, errors[index]!);
  if (allowed.length > 0) return allowed;
  throw Object.assign(new AggregateError(errors), { code: errors[0]!.code });
}

/** That it was another address than the first which answered. What became of those before it, nobody has waited for. */
function tellWinner(addresses: readonly ResolvedAddress[], remote: string, tell: (to: ResolvedAddress) => void): void {
  const winner = addresses.findIndex(({ address }) => reachable(address) === remote);
  if (winner > 0) tell(addresses[winner]!);
}

/** Why each of several addresses could not be connected to; undefined unless that is so, in words of the system, of all. */
function eachRefused(
  cause: unknown,
  addresses: readonly ResolvedAddress[],
  { port }: CheckedConnect,
): readonly SystemError[] | undefined {
  if (!(cause instanceof KwikError) || !(cause.cause instanceof AggregateError)) return undefined;
  const codes = (cause.cause.errors as readonly unknown[]).map(systemCodeOf);
  if (codes.length !== addresses.length) return undefined;
  const errors = addresses.flatMap(({ address }, index) => {
    const code = codes[index];
    return code === undefined ? [] : [connectError(code, { address, port })];
  });
  return errors.length === addresses.length ? errors : undefined;
}

/** As if they had been tried one after the other. Returns what `node:net` fails with then. */
function tellEach(
  errors: readonly SystemError[],
  addresses: readonly ResolvedAddress[],
  port: number,
  listener: ConnectListener,
): AggregateError {
  for (const [index, error] of errors.entries()) {
    const to = addresses[index]!;
    if (index > 0) listener.onAttempt(to, port, true);
    listener.onAttemptFailed(to, port, error);
  }
  return allRefused(errors);
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
