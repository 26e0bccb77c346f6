import { KwikError } from '@kwik/wire';
import type { ServerSession } from '../../src/api/session.js';
import type { ContributionPlan } from '../plan/plan.js';
import { bytesOf } from '../world/content-bytes.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';
import { readChecked } from './reader.js';
import { commandPacket, donePacket, type ContributeCommand } from './raw.js';
import { open, type End } from './streams.js';

/** The primary gives the stream up when nobody writes the part that it left out. */
const GIVEN_UP = 77;
const ATTEMPTS = 20;
const ANSWER_MS = 5000;
const RETRY_MS = 400;

/** Streams that the primary writes together with secondaries, whom it tells by raw packets what to write where. */
export class Contributions {
  readonly #world: World;
  /** Secondaries that could write now: the numbers of their paths. */
  readonly #writers: () => number[];
  readonly #waiting = new Map<number, () => void>();
  #jobs = 0;

  constructor(world: World, writers: () => number[]) {
    this.#world = world;
    this.#writers = writers;
  }

  run(primary: End & { readonly session: ServerSession }, client: () => End): void {
    for (const plan of this.#world.plan.contributions) {
      const { name } = plan;
      this.#world.task(`${name} write`, primary.process, async () => {
        await this.#world.pause(primary.process, plan.startMs);
        const stream = await open(this.#world, primary, true, { unidirectional: true });
        this.#world.trace.note(`${name}: opened as ${stream.id}`);
        this.#world.expectStream(stream.id, 'primary', (accepted) => {
          const { process } = client();
          const expected = bytesOf(plan.seed, total(plan));
          const resets = this.#mayFail() ? [GIVEN_UP] : [];
          const reading = {
            name: `${name} read`,
            expected,
            reader: { kind: 'eager' },
            resets,
            mustReset: false,
          } as const;
          this.#world.task(`${name} read`, process, () => readChecked(this.#world, process, accepted, reading));
        });
        const commands = await this.#writeOwn(stream, plan);
        for (const command of commands) {
          if (await this.#delegate(primary, command)) continue;
          this.#world.trace.note(`${name}: given up`);
          stream.reset(GIVEN_UP);
          return;
        }
        await stream.close();
        this.#world.trace.note(`${name}: written`);
      });
    }
  }

  /** Writes the primary's parts, and leaves out the others'. */
  async #writeOwn(stream: Awaited<ReturnType<typeof open>>, plan: ContributionPlan): Promise<ContributeCommand[]> {
    const commands: ContributeCommand[] = [];
    const of = total(plan);
    let at = 0;
    for (const [index, size] of plan.parts.entries()) {
      if (index % 2 === 0) {
        const own = bytesOf(plan.seed, of).subarray(at, at + size);
        for (let from = 0; from < size; from += plan.pieceBytes)
          await stream.write(own.subarray(from, from + plan.pieceBytes));
      } else if (size > 0) {
        const offset = Number(stream.skip(BigInt(size)));
        if (offset !== at) this.#world.violate('skip says where', `${plan.name}: ${offset} in place of ${at}`);
        const { seed, pieceBytes } = plan;
        commands.push({ job: 0, streamId: String(stream.id), offset, seed, from: at, of, size, pieceBytes });
      }
      at += size;
    }
    return commands;
  }

  /**
   * Has a part written by one secondary after the other, until one says that it is done. Each attempt is a job of its own:
   * what a server says to have written after its grant went to another is not there.
   */
  async #delegate(primary: End & { readonly session: ServerSession }, command: ContributeCommand): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const writers = this.#writers();
      const job = this.#jobs++;
      const path = writers[job % Math.max(1, writers.length)];
      if (path !== undefined && (await this.#ask(primary, { ...command, job }, path))) return true;
      await this.#world.pause(primary.process, RETRY_MS);
    }
    return false;
  }

  async #ask(
    { session, process }: End & { readonly session: ServerSession },
    command: ContributeCommand,
    path: number,
  ) {
    if (!(await this.#grant(session, command, path))) return false;
    const done = new Promise<boolean>((resolve) => {
      const timer = process.schedule(ANSWER_MS, () => resolve(false));
      this.#waiting.set(command.job, () => {
        timer.cancel();
        resolve(true);
      });
    });
    try {
      await session.sendRawPacket(commandPacket(command), path);
    } catch (error) {
      if (!(error instanceof KwikError)) throw error;
      this.#world.trace.note(`job ${command.job}: path ${path} did not take it: ${error.code}`);
      this.#waiting.get(command.job)?.();
      return false;
    }
    return done;
  }

  async #grant(session: ServerSession, command: ContributeCommand, path: number): Promise<boolean> {
    const range = { offset: BigInt(command.offset), length: BigInt(command.size) };
    try {
      await session.grantContribution(path, BigInt(command.streamId), [range]);
      return true;
    } catch (error) {
      if (!(error instanceof KwikError)) throw error;
      this.#world.trace.note(`job ${command.job}: no grant to path ${path}: ${error.code} ${error.message}`);
      return false;
    }
  }

  onDone(job: number): void {
    this.#world.trace.note(`job ${job}: done`);
    this.#waiting.get(job)?.();
  }

  #mayFail(): boolean {
    const { plan, expectations } = this.#world;
    return plan.servers.some(({ index }) => expectations.pathMayFail(index));
  }
}

function total(plan: ContributionPlan): number {
  return plan.parts.reduce((sum, size) => sum + size, 0);
}

/** A secondary that was told to write. Whatever stops it, the primary asks somebody else. */
export async function contribute(
  world: World,
  session: ServerSession,
  server: SimulatedServer,
  command: ContributeCommand,
): Promise<void> {
  const bytes = bytesOf(command.seed, command.of).subarray(command.from, command.from + command.size);
  try {
    const contribution = session.contribute(BigInt(command.streamId));
    for (let at = 0; at < bytes.length; at += command.pieceBytes) {
      await contribution.writeAt(BigInt(command.offset + at), bytes.subarray(at, at + command.pieceBytes));
    }
    await contribution.close();
    await session.sendRawPacket(donePacket(command.job), 0);
  } catch (error) {
    if (!(error instanceof KwikError)) throw error;
    world.trace.note(`job ${command.job} at server ${server.plan.index}: ${error.code}`);
  }
}
