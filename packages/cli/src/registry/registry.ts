import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { isIP, type AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { AnnouncedServers, openEtcdStore, parseSource, registryApi, type ServerStore } from '@kwik/discovery';
import { formatHostPort, parseHostPort } from '../address.js';
import { readRegistryCredentials, type RegistryFlags } from '../discovery/discover.js';
import { reportError, usageError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { followCredentials } from '../serve/credential-watch.js';
import { readCredentials, readPem } from '../serve/credentials.js';
import { jsonLine, oneLine } from '../ui/text.js';

/** Not among the arguments, where other users of the machine could read them. Commas between several. */
const TOKENS_VARIABLE = 'KWIK_REGISTRY_TOKENS';
const READ_TOKENS_VARIABLE = 'KWIK_REGISTRY_READ_TOKENS';
/** As many as questions may wait, and some that announce. */
const MAX_CONNECTIONS = 8192;
/** A request comes in whole within ten seconds, which is looked at every two; an answer may take as long as a long poll. */
const LIMITS = { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 2000 } as const;

export interface RegistryOptions extends RegistryFlags {
  /** `host:port`; port 0 lets the system choose. */
  readonly listen: string;
  /** `memory`, or a source of the kind `etcd`. */
  readonly store: string;
  readonly cert?: string;
  readonly key?: string;
  readonly clientCa?: string;
  readonly publicReads: boolean;
  readonly signedOnly: boolean;
  readonly json: boolean;
}

/** `kwik registry`: the HTTP API of servers that announce themselves, until it is told to stop. */
export async function runRegistry(options: RegistryOptions, io: CliIo): Promise<ExitCode> {
  const say = (event: object, line: string): void =>
    io.stdout.print(options.json ? `${jsonLine(event)}\n` : `${oneLine(line)}\n`);
  const failed = (error: unknown): void => {
    const { code, message } = reportError(error);
    if (options.json) io.stdout.print(`${jsonLine({ event: 'failed', code, message })}\n`);
    else io.stderr.print(`kwik: ${message}\n`);
  };
  const { open, ...rules } = rulesOf(options, io);
  const kept = await openStore(options, io, failed);
  try {
    const { signedOnly } = options;
    const api = registryApi({ store: kept.store, onError: failed, signedOnly, ...rules });
    const shown = await readShown(options);
    const server = await listen(options, open ? onlyByOwnName(api) : api, shown);
    const unfollow = followCredentials(renewable(server, shown), options, {
      say,
      shown: shown.credentials,
    });
    const { address, port } = server.address() as AddressInfo;
    const url = `${options.cert === undefined ? 'http' : 'https'}://${formatHostPort({ host: address, port })}`;
    say({ event: 'listening', url, store: options.store }, `listening on ${url}`);
    const signal = await new Promise<string>((resolve) => io.onInterrupt(resolve));
    unfollow();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    say({ event: 'stopped', signal }, 'stopped');
    return EXIT.ok;
  } finally {
    await kept.close();
  }
}

interface Rules {
  readonly readTokens: readonly string[] | undefined;
  readonly writeTokens: readonly string[] | undefined;
  readonly clientCertificates: boolean;
  /** Whoever reaches it may do all. */
  readonly open: boolean;
}

/** Throws a usage error where strangers could announce servers, or read who serves. */
function rulesOf(options: RegistryOptions, { env }: Pick<CliIo, 'env'>): Rules {
  const tokens = listOf(env[TOKENS_VARIABLE]);
  const readers = listOf(env[READ_TOKENS_VARIABLE]);
  const clientCertificates = options.clientCa !== undefined;
  const secure = options.cert !== undefined;
  if (clientCertificates && !secure)
    throw usageError('--client-ca needs --cert and --key: certificates are shown in TLS');
  if (tokens.length === 0 && readers.length > 0 && !clientCertificates) {
    throw usageError(`${READ_TOKENS_VARIABLE} alone lets nobody announce: set ${TOKENS_VARIABLE}, or give --client-ca`);
  }
  const open = tokens.length === 0 && !clientCertificates;
  const { host } = parseHostPort(options.listen, { allowZero: true });
  if (!isLoopback(host) && (open || !secure)) {
    throw usageError(
      `a registry on ${host} takes --cert and --key, and ${TOKENS_VARIABLE} or --client-ca: else anybody could announce servers`,
    );
  }
  return {
    writeTokens: open ? undefined : tokens,
    readTokens: open || options.publicReads ? undefined : [...tokens, ...readers],
    clientCertificates,
    open,
  };
}

interface OpenStore {
  readonly store: ServerStore;
  close(): Promise<void>;
}

async function openStore(options: RegistryOptions, io: CliIo, onFailure: (error: unknown) => void): Promise<OpenStore> {
  if (options.store === 'memory') {
    const store = new AnnouncedServers();
    return { store, close: async () => store.close() };
  }
  const spec = parseSource(options.store);
  if (spec.kind !== 'etcd') throw usageError(`--store takes memory or etcd:HOST:PORT, not ${options.store}`);
  const credentials = await readRegistryCredentials(options, io);
  const store = await openEtcdStore(spec, { credentials, onFailure });
  return { store, close: () => store.close() };
}

type KeyAndCertificate = NonNullable<Shown['credentials']>;

interface Shown {
  /** Undefined: it speaks plain HTTP. */
  readonly credentials: Awaited<ReturnType<typeof readCredentials>>['credentials'];
  readonly clientCa: string | undefined;
}

async function readShown(options: RegistryOptions): Promise<Shown> {
  const { cert, key, clientCa } = options;
  const files = { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  return {
    credentials: (await readCredentials(files)).credentials,
    clientCa: clientCa === undefined ? undefined : await readPem('--client-ca', clientCa),
  };
}

/** The part of TLS that a renewed certificate changes. */
function secureContext({ cert, key }: KeyAndCertificate, { clientCa }: Shown): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.3', ...(clientCa !== undefined && { ca: clientCa }) };
}

function renewable(server: Server | TlsServer, shown: Shown): { updateCredentials(next: KeyAndCertificate): void } {
  return {
    updateCredentials: (next) => {
      if ('setSecureContext' in server) server.setSecureContext(secureContext(next, shown));
    },
  };
}

async function listen(options: RegistryOptions, handle: RequestListener, shown: Shown): Promise<Server | TlsServer> {
  const { host, port } = parseHostPort(options.listen, { allowZero: true });
  const { credentials, clientCa } = shown;
  const server =
    credentials === undefined
      ? createServer(LIMITS, handle)
      : createTlsServer(
          // Who has no certificate may have a token: the API decides.
          {
            ...LIMITS,
            ...secureContext(credentials, shown),
            requestCert: clientCa !== undefined,
            rejectUnauthorized: false,
          },
          handle,
        );
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw usageError(`the registry cannot listen on ${options.listen}: ${reportError(error).message}`);
  }
  // What goes wrong with a connection later is that connection's.
  server.on('error', () => undefined);
  return server;
}

/**
 * Where nobody has to show anything, a web site that lets its name resolve to this machine could announce servers through a
 * visitor's browser (DNS rebinding): so the registry answers to its own names alone.
 */
function onlyByOwnName(handle: RequestListener): RequestListener {
  return (request, response) => {
    const name = (request.headers.host ?? '').replace(/:\d+$/u, '').replace(/^\[|\]$/gu, '');
    if (isLoopback(name)) return handle(request, response);
    response.writeHead(421, { 'content-type': 'application/json', connection: 'close' });
    response.end('{"error":"ask this registry by its address"}');
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
