import { DIAGNOSTIC_NAMES, type DiagnosticEvents, type DiagnosticName } from '../contracts/diagnostics.js';

/** A channel of `node:diagnostics_channel`, as far as a publisher looks. */
export interface DiagnosticChannel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** Publishes events, each made only when somebody listens. */
export class DiagnosticPublisher {
  readonly #channels: Readonly<Record<DiagnosticName, DiagnosticChannel>>;

  /** @param channel that of `node:diagnostics_channel`; what is pure cannot import it. */
  constructor(channel: (name: string) => DiagnosticChannel) {
    const channels = DIAGNOSTIC_NAMES.map((name) => [name, channel(name)] as const);
    this.#channels = Object.fromEntries(channels) as Record<DiagnosticName, DiagnosticChannel>;
  }

  publish<Name extends DiagnosticName>(name: Name, event: () => DiagnosticEvents[Name]): void {
    const channel = this.#channels[name];
    if (channel.hasSubscribers) channel.publish(event());
  }
}
