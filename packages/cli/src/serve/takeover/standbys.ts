import type { StandbyCheck, StandbyServer } from '@kwik/session';

/** How long what was found of the servers is good for. */
const LOOK_EVERY_MS = 10_000;

/** A server that may take sessions over. */
export interface StandbyCandidate {
  readonly server: StandbyServer;
  /** Why it may, in a line for people. */
  readonly reason: string;
}

/** Servers that discovery finds. */
export interface FoundServers {
  /** The preferred first: `current` as long as it suits, so that sessions are not sent to and fro. Where there is none, why. */
  candidates(current: string | undefined): Promise<readonly StandbyCandidate[] | string>;
  /** Whether the server of that address is there, and takes sessions over. */
  suits(address: string): boolean;
  /** How long it took to answer; undefined: it did not. */
  observe(address: string, rttMs: number | undefined): void;
}

export interface StandbysOptions {
  /** `host:port`, the preferred first; they come before those that are found. */
  readonly addresses: readonly string[];
  readonly found?: FoundServers | undefined;
  /** Resolves to undefined when the server does not answer. */
  readonly knock: (address: string) => Promise<number | undefined>;
  /** Whether a server that answers could open what this one seals. Never rejects. */
  readonly check: (server: StandbyServer) => Promise<StandbyCheck>;
  readonly now: () => number;
  /** It is another one than before, or whether it answers has changed. */
  readonly onChosen: (chosen: ChosenStandby) => void;
  /** A server answers, and could take nothing over; told again when the reason is another one. */
  readonly onUnable: (address: string, reason: string) => void;
}

export interface ChosenStandby {
  /** Undefined: there is none. */
  readonly server: StandbyServer | undefined;
  readonly answers: boolean;
  readonly reason: string;
}

/** Which of several servers takes sessions over: the first that answered and can, when they were looked at last. */
export class Standbys {
  readonly #options: StandbysOptions;
  #chosen: ChosenStandby | undefined;
  #looking: Promise<ChosenStandby> | undefined;
  #lookedMs = 0;
  /** Something changed while they were looked at. */
  #again = false;
  /** Those that answered and could not when they were asked last, and why. */
  readonly #unable = new Map<string, string>();

  constructor(options: StandbysOptions) {
    this.#options = options;
  }

  /** Waits for the first look only; when it is time for another, that is made beside. Undefined: there is none. */
  async choose(): Promise<StandbyServer | undefined> {
    const isOld = this.#options.now() - this.#lookedMs >= LOOK_EVERY_MS;
    if (this.#chosen === undefined || isOld) this.#looking ??= this.#look();
    const { server } = this.#chosen ?? (await this.#looking!);
    return server;
  }

  /** What discovery knows has changed: another one is looked for where the one that was chosen does not suit any more. */
  changed(): void {
    if (this.#looking !== undefined) this.#again = true;
    else if (this.#chosen !== undefined && !this.#holds(this.#chosen)) this.#looking = this.#look();
  }

  #holds({ server }: ChosenStandby): boolean {
    const { addresses, found } = this.#options;
    return server !== undefined && (addresses.includes(server.address) || found?.suits(server.address) !== false);
  }

  /** Never rejects. */
  async #look(): Promise<ChosenStandby> {
    const { now, onChosen } = this.#options;
    const before = this.#chosen;
    const chosen = await this.#best();
    this.#chosen = chosen;
    this.#lookedMs = now();
    this.#looking = undefined;
    if (before?.server?.address !== chosen.server?.address || before?.answers !== chosen.answers) onChosen(chosen);
    if (this.#again) {
      this.#again = false;
      this.changed();
    }
    return chosen;
  }

  /**
   * Where none answers it may be the way from here to them that is broken: the preferred one is named all the same, but for those that
   * said that they cannot.
   */
  async #best(): Promise<ChosenStandby> {
    const { addresses, found, knock } = this.#options;
    const named = addresses.map((address) => ({ server: { address }, reason: 'named by --standby' }));
    const others = (await found?.candidates(this.#chosen?.server?.address)) ?? [];
    const candidates = [...named, ...(typeof others === 'string' ? [] : others)];
    const knocks = candidates.map(async ({ server: { address } }) => {
      const rttMs = await knock(address).catch(() => undefined);
      found?.observe(address, rttMs);
      return rttMs;
    });
    for (const [index, answer] of knocks.entries()) {
      if ((await answer) !== undefined && (await this.#can(candidates[index]!.server))) {
        return { ...candidates[index]!, answers: true };
      }
    }
    this.#forgetOthers(candidates);
    const first = candidates.find(({ server }) => !this.#unable.has(server.address));
    if (first !== undefined) return { ...first, answers: false };
    return { server: undefined, answers: false, reason: this.#whyNone(others) };
  }

  async #can(server: StandbyServer): Promise<boolean> {
    const { takes, reason } = await this.#options.check(server);
    const before = this.#unable.get(server.address);
    if (takes === 'no') this.#unable.set(server.address, reason);
    else this.#unable.delete(server.address);
    if (takes === 'no' && reason !== before) this.#options.onUnable(server.address, reason);
    return takes !== 'no';
  }

  #forgetOthers(candidates: readonly StandbyCandidate[]): void {
    for (const address of this.#unable.keys()) {
      if (!candidates.some(({ server }) => server.address === address)) this.#unable.delete(address);
    }
  }

  #whyNone(others: readonly StandbyCandidate[] | string): string {
    if (this.#unable.size > 0) return [...this.#unable].map(([address, why]) => `${address}: ${why}`).join('; ');
    return typeof others === 'string' ? others : 'no standby is known';
  }
}
