/** What this end is short of now, and so gives its sessions less of, in words: known to all of them. */
export class Shortage {
  /** Of what may still arrive by itself: those that protect a stream, and those that save time. */
  allowsCopies = true;
  #text: string | undefined;
  readonly #listeners = new Set<(text: string | undefined) => void>();

  /** Undefined while it is short of nothing. */
  get text(): string | undefined {
    return this.#text;
  }

  set(text: string | undefined): void {
    if (text === this.#text) return;
    this.#text = text;
    for (const listener of [...this.#listeners]) listener(text);
  }

  /** Returns what ends the subscription. */
  onChange(listener: (text: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
