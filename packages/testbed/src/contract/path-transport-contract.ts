import assert from 'node:assert/strict';

import { BASICS } from './basics.js';
import type {
  ContractCase,
  ContractWorld,
  MakePair,
  PairOptions,
  RecordedPair,
  TransportPair,
} from './contract-case.js';
import { END } from './end.js';
import { FLOW } from './flow.js';
import { RecordingSide } from './recording-handlers.js';
import { STREAMS } from './streams.js';

/** The two functions of Jest, or of any test runner like it. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => Promise<void>, timeoutMs: number) => void;
}

/** For machines that do other things as well. */
const TEST_TIMEOUT_MS = 60_000;

export const PATH_TRANSPORT_CONTRACT: readonly ContractCase[] = [...BASICS, ...STREAMS, ...FLOW, ...END];

/**
 * Makes a test of each thing that a `PathTransport` must do, as the doc comments of the contract say. The ends of a
 * pair speak directly to each other, over a link without faults and with some round-trip time; the server shows at
 * least one certificate, the client none.
 */
export function describePathTransportContract(name: string, makePair: MakePair, { describe, test }: TestRunner): void {
  describe(`${name} keeps the contract of PathTransport`, () => {
    for (const one of PATH_TRANSPORT_CONTRACT) test(one.name, () => runContractCase(one, makePair), TEST_TIMEOUT_MS);
  });
}

/** Runs one case on pairs of its own and closes them; rejects when the contract is broken. */
export async function runContractCase(one: ContractCase, makePair: MakePair): Promise<void> {
  const world = new Worlds(makePair);
  try {
    await one.run(world);
  } finally {
    await world.close();
  }
  assert.deepEqual(world.violations, []);
}

class Worlds implements ContractWorld {
  readonly #makePair: MakePair;
  readonly #pairs: TransportPair[] = [];
  readonly #sides: RecordingSide[] = [];

  constructor(makePair: MakePair) {
    this.#makePair = makePair;
  }

  async make(options: PairOptions = {}): Promise<RecordedPair> {
    const pair = await this.#makePair(options);
    const made = { pair, client: new RecordingSide(pair.client), server: new RecordingSide(pair.server) };
    this.#pairs.push(pair);
    this.#sides.push(made.client, made.server);
    return made;
  }

  async makeAttached(options: PairOptions = {}): Promise<RecordedPair> {
    const made = await this.make(options);
    made.client.attach();
    made.server.attach();
    return made;
  }

  /** Calls to handlers that should not have been made, in words. */
  get violations(): string[] {
    return this.#sides.flatMap((side) => [...side.violations, ...side.depth.violations]);
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) await pair.close();
  }
}
