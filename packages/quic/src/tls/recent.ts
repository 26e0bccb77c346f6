/** The latest few of what is expensive to make. Oldest out first. */
export class Recent<T> {
  private readonly known = new Map<string, T>();

  constructor(private readonly max: number) {}

  get size(): number {
    return this.known.size;
  }

  /** What was made for this key; nothing is kept of a `make` that throws. */
  get(key: string, make: () => T): T {
    const kept = this.known.get(key);
    if (kept !== undefined) return kept;
    const made = make();
    for (const oldest of this.known.keys()) {
      if (this.known.size < this.max) break;
      this.known.delete(oldest);
    }
    this.known.set(key, made);
    return made;
  }
}
