/** Work that a child process does when its parent asks: a name, one argument, one answer. */
export type Calls = Readonly<Record<string, (task: never) => unknown>>;

/** What a process has used since it began. */
export interface Usage {
  /** User and system time of all its threads, seconds. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** Parent to child. */
export interface Question {
  readonly id: number;
  readonly name: string;
  readonly task: unknown;
}

/** Child to parent. */
export type Message =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: string }
  | { readonly told: unknown };

/** Every child answers this one. */
export const USAGE_CALL = '$usage';

/**
 * Called once by the file of a child process: answers the parent's calls until the parent is gone, and then ends the
 * process. Returns the calls, whose type the parent imports.
 */
export function answerParent<C extends Calls>(calls: C): C {
  process.on('message', (question: Question) => void answer(calls, question));
  // Also when the parent was killed. `exit` writes the profile when there is one.
  process.on('disconnect', () => process.exit(0));
  return calls;
}

/** Tells the parent something that it did not ask for (`ChildHandle.onTold`). */
export function tellParent(value: unknown): void {
  post({ told: value });
}

export function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuSeconds: (user + system) / 1e6, rssBytes: rss, heapBytes: heapUsed };
}

async function answer(calls: Calls, { id, name, task }: Question): Promise<void> {
  try {
    const call = name === USAGE_CALL ? usage : calls[name];
    if (call === undefined) throw new Error(`there is no call named ${name}`);
    post({ id, value: await call(task as never) });
  } catch (error) {
    post({ id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function post(message: Message): void {
  if (process.connected) process.send?.(message);
}
