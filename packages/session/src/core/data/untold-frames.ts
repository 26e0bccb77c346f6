import type { ControlFrame } from './data-path.js';

/**
 * What the peer still has to be told, while there is no path to tell it on. A newer frame takes the place of an older
 * one of its key, so there are never more than a few for each stream.
 */
export class UntoldFrames {
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
