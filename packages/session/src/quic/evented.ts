import { EventQUIC } from './events.js';

type AnyListener = Parameters<EventTarget['addEventListener']>[1];
type AddOptions = Parameters<EventTarget['addEventListener']>[2];
type RemoveOptions = Parameters<EventTarget['removeEventListener']>[2];

export type Listener<E extends Event> = ((event: E) => unknown) | { handleEvent(event: E): unknown } | null;

/** An EventTarget whose events also reach, as clones, the object above: stream → connection → client or server. */
export class Evented extends EventTarget {
  readonly #above: Evented | undefined;

  constructor(above?: Evented) {
    super();
    this.#above = above;
  }

  override addEventListener<E extends Event>(type: string, listener: Listener<E>, options?: AddOptions): void {
    super.addEventListener(type, listener as AnyListener, options);
  }

  override removeEventListener<E extends Event>(type: string, listener: Listener<E>, options?: RemoveOptions): void {
    super.removeEventListener(type, listener as AnyListener, options);
  }

  override dispatchEvent(event: Event): boolean {
    const status = super.dispatchEvent(event);
    if (event instanceof EventQUIC) this.#above?.dispatchEvent((event as EventQUIC<unknown>).clone());
    return status;
  }
}
