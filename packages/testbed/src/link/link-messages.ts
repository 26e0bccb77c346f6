import type { DirectionSettings } from './direction-settings.js';
import type { RelayOptions } from './link-relay.js';

/** What the owner of links tells the thread that runs them. */
export type LinkCommand =
  | { readonly kind: 'open'; readonly id: number; readonly options: RelayOptions }
  | {
      readonly kind: 'configure';
      readonly id: number;
      readonly direction: 'up' | 'down';
      readonly settings: DirectionSettings;
    }
  | { readonly kind: 'cut' | 'heal'; readonly id: number; readonly direction: 'up' | 'down' }
  | { readonly kind: 'close'; readonly id: number };

/** What the thread answers to `open` and `close`. */
export type LinkReply =
  | { readonly kind: 'opened'; readonly id: number; readonly port: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  | { readonly kind: 'closed'; readonly id: number };
