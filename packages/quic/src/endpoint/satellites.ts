/** What an endpoint keeps of each of its satellites. */
interface Closable {
  close(): Promise<void>;
}

/** Endpoints that an endpoint binds to other local addresses than its own, one each, when a dial wants to leave from there. */
export class Satellites<T extends Closable> {
  private readonly byAddress = new Map<string, Promise<T>>();

  constructor(private readonly bind: (localAddress: string) => Promise<T>) {}

  get(localAddress: string): Promise<T> {
    let satellite = this.byAddress.get(localAddress);
    if (satellite === undefined) {
      satellite = this.bind(localAddress);
      this.byAddress.set(localAddress, satellite);
      satellite.catch(() => this.byAddress.delete(localAddress));
    }
    return satellite;
  }

  async close(): Promise<void> {
    const bound = await Promise.allSettled(this.byAddress.values());
    await Promise.all(bound.flatMap((each) => (each.status === 'fulfilled' ? [each.value.close()] : [])));
  }
}
