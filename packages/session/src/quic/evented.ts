import { UserCallbacks } from '../runtime/host/user-callbacks.js';
import { EventQUIC } from './events.js';

type AddOptions = Parameters<EventTarget['addEventListener']>[2];
type RemoveOptions = Parameters<EventTarget['removeEventListener']>[2];

export type Listener<E extends Event> = ((event: E) => unknown) | { handleEvent(event: E): unknown } | null;

/** An EventTarget whose events also reach, as clones, the object above: stream → connection → client or server. */
export class Evented extends EventTarget {
  readonly #above: Evented | undefined;
  protected readonly callbacks: UserCallbacks;
  readonly #listeners = new WeakMap<object, (event: Event) => void>();

  constructor(above?: Evented) {
    super();
    this.#above = above;
    this.callbacks = above === undefined ? new UserCallbacks() : above.callbacks;
  }

  override addEventListener<E extends Event>(type: string, listener: Listener<E>, options?: AddOptions): void {
    if (listener !== null) super.addEventListener(type, this.#guarded(listener), options);
  }

  override removeEventListener<E extends Event>(type: string, listener: Listener<E>, options?: RemoveOptions): void {
    if (listener !== null) super.removeEventListener(type, this.#guarded(listener), options);
  }

  override dispatchEvent(event: Event): boolean {
    const status = super.dispatchEvent(event);
    if (event instanceof EventQUIC) this.#above?.dispatchEvent((event as EventQUIC<unknown>).clone());
    return status;
  }

  /** Node ends the process for a listener that throws; always the same for the same listener. */
  #guarded<E extends Event>(listener: NonNullable<Listener<E>>): (event: Event) => void {
    let guarded = this.#listeners.get(listener);
    if (guarded === undefined) {
      const call = (event: E): unknown =>
        typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event);
      guarded = (event) => {
        this.callbacks.call(`a listener of ${event.type}`, call, event as E);
      };
      this.#listeners.set(listener, guarded);
    }
    return guarded;
  }
}
