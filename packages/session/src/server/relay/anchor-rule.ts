import { isIP } from 'node:net';
import { KwikError } from '@kwik/wire';
import { scopeOf } from '../../client/commanded/address-scope.js';
import { formatAddress, parseTarget } from '../../client/target.js';
import type { DialTarget } from '../../api/options.js';

/** An entry of `relay.anchors`. */
interface Named {
  readonly host: string;
  /** Undefined: any. */
  readonly port: number | undefined;
}

/**
 * Where a relay may forward to, as its own configuration says: to what it names, and where it names nothing, to public
 * addresses. What a token says comes on top of that.
 */
export class AnchorRule {
  readonly #named: readonly Named[] | undefined;

  /** Throws ERR_KWIK_INVALID_ARGUMENT for an entry that is neither `host:port` nor `host`. */
  constructor(anchors: readonly string[] | undefined) {
    this.#named = anchors?.map(parseEntry);
  }

  /** The relay forwards to what its configuration names, and to nothing else. */
  get isList(): boolean {
    return this.#named !== undefined;
  }

  /**
   * Before `anchor` is resolved. Throws ERR_KWIK_PERMISSION_DENIED where no address could be one to forward to, so that nobody
   * has names looked up that the list leaves out: a name may stand for an address that is listed, but for no other name.
   */
  requireNamed(anchor: DialTarget): void {
    const isName = isIP(anchor.host) === 0;
    const may = this.#named?.some(({ host, port }) => {
      const mayBe = host === anchor.host.toLowerCase() || (isName && isIP(host) !== 0);
      return (port ?? anchor.port) === anchor.port && mayBe;
    });
    if (may === false) throw notListed(anchor);
  }

  /** Throws ERR_KWIK_PERMISSION_DENIED unless `address`, to which the host of `anchor` resolves, may be forwarded to. */
  require(anchor: DialTarget, address: string): void {
    const name = formatAddress(anchor.host, anchor.port);
    const scope = scopeOf(address);
    if (scope === 'unusable') throw denied(`${name} is ${address}, which is no address of a server`);
    const fits = this.#named?.some(({ host, port }) => {
      return (port ?? anchor.port) === anchor.port && (host === anchor.host.toLowerCase() || host === address);
    });
    if (fits === false) throw notListed(anchor);
    if (fits === undefined && scope !== 'public') {
      throw denied(
        `${name} is ${address}, a ${scope} address: the relay forwards there only if its relay.anchors names it`,
      );
    }
  }
}

function parseEntry(entry: string): Named {
  // A lone IPv6 address has more than one colon, and no brackets.
  const isBare = !/^(?:\[.*\]|[^:]*):\d+$/.test(entry);
  if (!isBare) {
    const { host, port } = parseTarget(entry);
    return { host: host.toLowerCase(), port };
  }
  const bare = entry.replace(/^\[(.*)\]$/, '$1');
  return { host: parseTarget({ host: bare, port: 1 }).host.toLowerCase(), port: undefined };
}

function notListed({ host, port }: DialTarget): KwikError {
  return denied(`the relay does not forward to ${formatAddress(host, port)} (its relay.anchors)`);
}

function denied(why: string): KwikError {
  return new KwikError('ERR_KWIK_PERMISSION_DENIED', why);
}
