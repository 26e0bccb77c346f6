import http, { type AgentOptions as PlainAgentOptions, type ClientRequestArgs } from 'node:http';
import https, { type AgentOptions as SecureAgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect } from '../connect.js';
import type { KwikSettings } from '../settings/settings.js';

interface KwikOption {
  /** For all connections of the agent. */
  readonly kwik?: KwikSettings;
}

/** What `node:http` hands to `createConnection`, which its types do not all have. */
type ConnectionOptions = ClientRequestArgs & KwikOption;
type OnCreated = (error: Error | null, socket: Duplex) => void;

/** `http.Agent` whose connections go over KWIK. */
export class HttpAgent extends http.Agent {
  constructor(options: PlainAgentOptions & KwikOption = {}) {
    super(options);
  }

  override createConnection(options: ConnectionOptions): Duplex {
    return connectTo(options);
  }
}

/** `https.Agent` whose connections go over KWIK, with the origin's own TLS within. */
export class HttpsAgent extends https.Agent {
  constructor(options: SecureAgentOptions & KwikOption = {}) {
    super(options);
  }

  override createConnection(options: ConnectionOptions, onCreated?: OnCreated): Duplex | null | undefined {
    const secured = { ...options, socket: connectTo(options) };
    return super.createConnection(secured, onCreated);
  }
}

function connectTo({ host, port, kwik, localAddress, family, lookup, timeout }: ConnectionOptions): Duplex {
  return connect({ host, port, kwik, localAddress, family, lookup, timeout });
}
