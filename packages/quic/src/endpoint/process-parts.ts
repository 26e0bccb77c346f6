/** What layers above the driver have once in a process: one object of each class, made when it is first asked for. */
export class ProcessParts {
  private readonly made = new Map<new () => unknown, unknown>();

  of<T>(kind: new () => T): T {
    const known = this.made.get(kind);
    // Made by `new kind()` below, and never replaced.
    if (known !== undefined) return known as T;
    const part = new kind();
    this.made.set(kind, part);
    return part;
  }
}
