import type { ControlFrame } from './data-path.js';

/**
 * Control frames for the peer while no path leads to it. A newer frame takes the place of an older one of the same key, so
 * there are never more than a few for each stream.
 */
export class UnsentFrames {
  readonly #frames = new Map<string, ControlFrame>();

  keep(frames: readonly ControlFrame[]): void {
    for (const control of frames) this.#frames.set(control.key, control);
  }

  take(): ControlFrame[] {
    const frames = [...this.#frames.values()];
    this.#frames.clear();
    return frames;
  }
}
