import type { EmulatedLink, LinkOptions } from './emulated-link.js';
import { LinkHost, type LinkHostOptions } from './link-host.js';

export interface LinkSet<Name extends string> extends AsyncDisposable {
  readonly links: Readonly<Record<Name, EmulatedLink>>;
  /** Closes all of them. */
  close(): Promise<void>;
}

/**
 * Several named links at once, in one place; all or none.
 * @throws what `Link.create` throws.
 */
export async function createLinks<Name extends string>(
  shapes: Readonly<Record<Name, LinkOptions>>,
  options: LinkHostOptions = {},
): Promise<LinkSet<Name>> {
  const host = LinkHost.start(options);
  try {
    const made: Partial<Record<Name, EmulatedLink>> = {};
    for (const name of Object.keys(shapes) as Name[]) made[name] = await host.create(shapes[name]);
    return {
      links: made as Record<Name, EmulatedLink>,
      close: () => host.close(),
      [Symbol.asyncDispose]: () => host.close(),
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}
