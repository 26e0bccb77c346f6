import { proto } from '@kwik/wire';
import type { ControlValues, KcpBody } from './kcp-body.js';

type Kind = KcpBody['$case'];

/** Who sends control messages once a path is established. The primary and secondaries send to the client alone. */
export type ControlSpeaker = 'client' | 'primary' | 'secondary';

interface MessageRow {
  /** Who may send it after the handshake. Whoever else does loses its path. */
  readonly from: readonly ControlSpeaker[];
  /** A request, and what may answer it besides `error` and `pathDead`, which may answer any. Absent: a notice. */
  readonly answers?: readonly Kind[];
  /** When the sender names none: NORMAL. Order is kept within a priority only, so few kinds may leave it. */
  readonly priority?: proto.Priority;
}

const ANYBODY = ['client', 'primary', 'secondary'] as const;
const SERVERS = ['primary', 'secondary'] as const;
/** The client and the primary are the two ends of the session's streams. */
const ENDS = ['client', 'primary'] as const;
/** Belongs to the handshake. */
const NOBODY = [] as const;
const { CRITICAL, BACKGROUND } = proto.Priority;

/** The one table of the control plane: what is sent by whom, and answered by what. A message without a row does not compile. */
export const CONTROL_MESSAGES = {
  clientHello: { from: NOBODY, answers: ['serverHello', 'authChallenge'] },
  serverHello: { from: NOBODY },
  authChallenge: { from: NOBODY, answers: ['authResponse'] },
  authResponse: { from: NOBODY, answers: ['serverHello', 'authChallenge'] },

  error: { from: ANYBODY },
  // Of its own path; that of an end of the session's streams ends the session.
  close: { from: ANYBODY },
  ping: { from: ANYBODY, answers: ['pong'], priority: CRITICAL },
  pong: { from: ANYBODY, priority: CRITICAL },

  addPath: { from: ['primary'], answers: ['addPathResult'] },
  addPathResult: { from: ['client'] },
  removePath: { from: ['primary'], answers: ['removePathResult'] },
  removePathResult: { from: ['client'] },
  pathStatus: { from: ['client'] },
  pathDead: { from: ['client'] },
  listPaths: { from: ['primary'], answers: ['pathList'] },
  pathList: { from: ['client'] },

  streamOpened: { from: ENDS },
  // Whether a secondary has the capability is for the client's relay to say.
  rawPacket: { from: SERVERS, answers: ['rawPacketResult'] },
  rawPacketResult: { from: ['client'] },
  contributionGrant: { from: ['primary'], answers: ['contributionGrantResult'] },
  contributionGrantResult: { from: ['client'] },

  contentStart: { from: ['primary'] },
  contentDigests: { from: ['primary'] },
  rangeRequest: { from: ['client'] },
  rangeCancel: { from: ['client'] },
  // A server refuses what it was asked for itself.
  rangeRefused: { from: SERVERS },
  contentProgress: { from: ['client'] },
  contentEnd: { from: ENDS },
  serverUntrusted: { from: ['client'] },
  contentResume: { from: ['client'] },

  healthReport: { from: ANYBODY, priority: BACKGROUND },
  serverAnnouncement: { from: ANYBODY, priority: BACKGROUND },
  serverQuery: { from: ENDS, answers: ['serverList'] },
  serverList: { from: ENDS },
  capacityReport: { from: ANYBODY, priority: BACKGROUND },
  scaleRequest: { from: ENDS, answers: ['scaleResult'] },
  scaleResult: { from: ENDS },
  keyUpdate: { from: ANYBODY },

  // A client may be at a relay with a token of another primary, or have opened a session with the relay itself.
  relayOpen: { from: ['client'], answers: ['relayOpened'] },
  relayOpened: { from: SERVERS },
  relayClose: { from: ['client'] },
  // To the client of a relay's own state; to the primary of that of another server.
  relayNotice: { from: ANYBODY },

  standby: { from: ['primary'] },
} as const satisfies Readonly<Record<Kind, MessageRow>>;

type Table = typeof CONTROL_MESSAGES;

/** Kinds of messages that want an answer. */
export type RequestKind = { [K in Kind]: Table[K] extends { readonly answers: readonly Kind[] } ? K : never }[Kind];

/** What answers a request well; `error` and `pathDead` say that it was not done. */
export type AnswerTo<K extends RequestKind> = Body<Table[K]['answers'][number]>;

/** All that may answer a request. */
export type ReplyTo<K extends RequestKind> = AnswerTo<K> | Body<'error' | 'pathDead'>;

type Body<K extends Kind> = { [C in K]: { readonly $case: C; readonly value: ControlValues[C] } }[K];

export function maySend(speaker: ControlSpeaker, kind: Kind): boolean {
  return rowOf(kind).from.includes(speaker);
}

export function isRequest(kind: Kind): kind is RequestKind {
  return rowOf(kind).answers !== undefined;
}

/** Whether a peer may answer a `request` with an `answer`. */
export function answers(request: Kind, answer: Kind): boolean {
  if (answer === 'error' || answer === 'pathDead') return true;
  return rowOf(request).answers?.includes(answer) ?? true;
}

/** The priority of a message for which the sender names none. */
export function defaultPriority(kind: Kind): proto.Priority {
  return rowOf(kind).priority ?? proto.Priority.NORMAL;
}

function rowOf(kind: Kind): MessageRow {
  return CONTROL_MESSAGES[kind];
}
