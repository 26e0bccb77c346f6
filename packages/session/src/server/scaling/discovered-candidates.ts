import type { KwikError, ServerDirectory, ServerQuery, ServerRecord } from '@kwik/wire';
import type { ScalingCandidate } from '../../api/scaling.js';

/** More are not needed at a time: a session has 16 paths at the most, and others take the place of those that fail. */
const MAX_DISCOVERED = 32;

export interface DiscoveredCandidatesOptions {
  readonly directory: ServerDirectory;
  readonly query?: Omit<ServerQuery, 'capabilities'> | undefined;
}

/** Servers that a service directory knows and that have content, the best first, as candidates for scaling. */
export class DiscoveredCandidates {
  readonly #options: DiscoveredCandidatesOptions;
  readonly #stop: () => void;
  #changed = true;

  constructor(options: DiscoveredCandidatesOptions) {
    this.#options = options;
    this.#stop = options.directory.onChange(() => (this.#changed = true));
  }

  /** Undefined when nothing has changed since it was asked. */
  news(): readonly ScalingCandidate[] | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    const { directory, query = {} } = this.#options;
    const { chosen } = directory.selectNow({ ...query, capabilities: ['replica'], count: MAX_DISCOVERED });
    return chosen.map(({ record }) => candidateOf(record));
  }

  /** What came of using it, for whoever chooses next. */
  observe(address: string, error?: KwikError): void {
    this.#options.directory.observe(address, error === undefined ? { kind: 'success' } : { kind: 'failure', error });
  }

  end(): void {
    this.#stop();
  }
}

/** What a server says of its price in its attributes counts; what makes no sense does not. */
function candidateOf({ addresses, serverName, attributes }: ServerRecord): ScalingCandidate {
  const [address = '', ...alternatives] = addresses;
  const pricePerGb = amountOf(attributes.get('price-per-gb'));
  const monthlyCapBytes = amountOf(attributes.get('monthly-cap-bytes'));
  return {
    address,
    alternatives,
    metered: attributes.get('metered') === 'true',
    ...(pricePerGb !== undefined && { pricePerGb }),
    ...(monthlyCapBytes !== undefined && { monthlyCapBytes }),
    ...(serverName !== undefined && { serverName }),
  };
}

function amountOf(text: string | undefined): number | undefined {
  const amount = Number(text ?? '');
  return text === undefined || text.trim() === '' || !Number.isFinite(amount) || amount < 0 ? undefined : amount;
}
