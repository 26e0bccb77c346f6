import type { StandbyServer } from '@kwik/session';

/** How long what was found of the servers is good for. */
const LOOK_EVERY_MS = 10_000;

export interface StandbysOptions {
  /** `host:port`, the preferred first; at least one. */
  readonly addresses: readonly string[];
  /** Resolves to undefined when the server does not answer. */
  readonly knock: (address: string) => Promise<number | undefined>;
  readonly now: () => number;
  /** It is another one than before, or whether it answers has changed. */
  readonly onChosen: (address: string, answers: boolean) => void;
}

interface Chosen {
  readonly address: string;
  readonly answers: boolean;
}

/** Which of several servers takes sessions over: the first that answered when they were looked at last. */
export class Standbys {
  readonly #options: StandbysOptions;
  #chosen: Chosen | undefined;
  #looking: Promise<Chosen> | undefined;
  #lookedMs = 0;

  constructor(options: StandbysOptions) {
    this.#options = options;
  }

  /** Waits for the first look only; when it is time for another, that is made beside. */
  async choose(): Promise<StandbyServer> {
    const isOld = this.#options.now() - this.#lookedMs >= LOOK_EVERY_MS;
    if (this.#chosen === undefined || isOld) this.#looking ??= this.#look();
    const { address } = this.#chosen ?? (await this.#looking!);
    return { address };
  }

  async #look(): Promise<Chosen> {
    const { addresses, knock, now, onChosen } = this.#options;
    const knocks = addresses.map((address) => knock(address).catch(() => undefined));
    const before = this.#chosen;
    const chosen = await firstAnswer(addresses, knocks);
    this.#chosen = chosen;
    this.#lookedMs = now();
    this.#looking = undefined;
    if (before?.address !== chosen.address || before.answers !== chosen.answers)
      onChosen(chosen.address, chosen.answers);
    return chosen;
  }
}

/** Where none answers it may be the way from here to them that is broken: the preferred one is named all the same. */
async function firstAnswer(
  addresses: readonly string[],
  knocks: readonly Promise<number | undefined>[],
): Promise<Chosen> {
  for (const [index, answer] of knocks.entries()) {
    if ((await answer) !== undefined) return { address: addresses[index]!, answers: true };
  }
  return { address: addresses[0]!, answers: false };
}
