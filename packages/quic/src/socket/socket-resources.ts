import { SpentMemory } from './spent-memory.js';
import { loadSystemCalls, type SystemCalls } from './system-calls.js';

/** What the sockets of a process have in common. */
export class SocketResources {
  /** It keeps a batch of datagrams until that is full. */
  readonly spent = new SpentMemory();
  private calls: SystemCalls | undefined;
  private isLoaded = false;

  constructor(private readonly load: () => SystemCalls | undefined = loadSystemCalls) {}

  /** Undefined where `node:dgram` is all there is; looked for once. */
  systemCalls(): SystemCalls | undefined {
    if (!this.isLoaded) this.calls = this.load();
    this.isLoaded = true;
    return this.calls;
  }
}
