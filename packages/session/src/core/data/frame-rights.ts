import { KwikError, proto } from '@kwik/wire';

/** Who sends on a path, and to whom. */
export type Link = 'primary-to-client' | 'secondary-to-client' | 'client-to-primary' | 'client-to-secondary';

type FrameBody = NonNullable<proto.Frame['body']>;
/** Kinds of frames; those whose right depends on what they hold have a name for each case. */
export type FrameKind = FrameBody['$case'] | 'fin' | 'range' | 'streamCredit' | 'streamBlocked';
export type FrameRights = Readonly<Record<FrameKind, boolean>>;

const PRIMARY: Link = 'primary-to-client';
const SECONDARY: Link = 'secondary-to-client';
const TO_PRIMARY: Link = 'client-to-primary';
const TO_SECONDARY: Link = 'client-to-secondary';
const ALL: readonly Link[] = [PRIMARY, SECONDARY, TO_PRIMARY, TO_SECONDARY];
/** A client and its primary are the two ends of the session's streams. */
const ENDS: readonly Link[] = [PRIMARY, TO_PRIMARY];

/** The one table of who may send which frame, with what it does in words. */
const FRAMES: Readonly<Record<FrameKind, { readonly links: readonly Link[]; readonly does: string }>> = {
  // A secondary's only where the primary granted it the bytes (core/streams/write-authority.ts).
  stream: { links: [...ENDS, SECONDARY], does: 'write into streams' },
  fin: { links: ENDS, does: 'end a stream' },
  // Checked against the primary's digests (core/content).
  range: { links: [PRIMARY, SECONDARY], does: 'send ranges of content' },
  resetStream: { links: ENDS, does: 'reset a stream' },
  // To a secondary: of what it contributes.
  stopSending: { links: [...ENDS, TO_SECONDARY], does: 'stop a stream' },
  streamCredit: { links: [...ENDS, TO_SECONDARY], does: 'give credit for a stream' },
  windowUpdate: { links: ALL, does: 'give credit for its path' },
  streamBlocked: { links: [...ENDS, SECONDARY], does: 'ask for credit for a stream' },
  blocked: { links: ALL, does: 'ask for credit for its path' },
  maxStreams: { links: ENDS, does: 'give stream credit' },
  // Servers hand raw packets to the client as control messages; only it passes them on as frames.
  raw: { links: [TO_PRIMARY, TO_SECONDARY], does: 'deliver raw packets' },
  datagram: { links: ENDS, does: 'send datagrams' },
  ack: { links: ALL, does: 'acknowledge packets' },
  ping: { links: ALL, does: 'ping' },
  // No end relays packets or anchors relayed paths.
  sealed: { links: [], does: 'relay sealed packets' },
};

/** At the client: what the primary lets the secondary at the end of a path do. Default: nothing. */
export interface SecondaryRights {
  /** Write into streams, where the primary granted it the bytes. */
  readonly mayContribute?: boolean;
  /** Send ranges of content. */
  readonly mayServe?: boolean;
}

/** Who speaks to this end on a path; `toPeer`: the other end of the session's streams. */
export function linkFrom(role: 'client' | 'primary' | 'secondary', toPeer: boolean): Link {
  if (role !== 'client') return `client-to-${role}`;
  return toPeer ? PRIMARY : SECONDARY;
}

export function frameRights(link: Link, { mayContribute = false, mayServe = false }: SecondaryRights): FrameRights {
  const granted = (kind: FrameKind): boolean => {
    if (link !== SECONDARY) return true;
    if (kind === 'stream' || kind === 'streamBlocked') return mayContribute;
    return kind !== 'range' || mayServe;
  };
  const entries = Object.entries(FRAMES) as [FrameKind, (typeof FRAMES)[FrameKind]][];
  return Object.fromEntries(
    entries.map(([kind, { links }]) => [kind, links.includes(link) && granted(kind)]),
  ) as FrameRights;
}

/** Throws, which ends the path, when its peer sends what is not its to send. */
export function requireRight(
  { rights, link }: { readonly rights: FrameRights; readonly link: Link },
  body: FrameBody,
): void {
  const kind = kindOf(body);
  if (!rights[kind]) throw trespass(link, kind);
}

function kindOf(body: FrameBody): FrameKind {
  switch (body.$case) {
    case 'stream':
      if ((body.value.flags & proto.FrameFlag.RANGE) !== 0) return 'range';
      return (body.value.flags & proto.FrameFlag.FIN) === 0 ? 'stream' : 'fin';
    case 'windowUpdate':
      return body.value.streamId === undefined ? 'windowUpdate' : 'streamCredit';
    case 'blocked':
      return body.value.streamId === undefined ? 'blocked' : 'streamBlocked';
    default:
      return body.$case;
  }
}

function trespass(link: Link, kind: FrameKind): KwikError {
  const sender = link.split('-')[0]!;
  return new KwikError(
    kind === 'sealed' ? 'ERR_KWIK_UNSUPPORTED' : 'ERR_KWIK_PROTOCOL_VIOLATION',
    `the ${sender} of this path may not ${FRAMES[kind].does}`,
  );
}
