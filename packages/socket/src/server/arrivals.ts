import type { Listener, ServerSession, Session, Stream, StreamIntent } from '@kwik/session';
import { ByteStream, sessionAddresses, type SessionAddresses } from '@kwik/session/socket';
import { Carrier } from '../carrier/carrier.js';
import { answerRequest, readRequest, resetStream } from '../carrier/preamble.js';
import { RESET_CODES } from '../errors.js';
import type { ProcessHold } from '../process/process-hold.js';

/** A client asks for a connection. One of the two is called, once. */
export interface Arrival {
  readonly addresses: SessionAddresses;
  accept(hold: ProcessHold): Carrier;
  refuse(): void;
}

/** Tells of each stream that asks to be a connection, in any session of the listener, until that is closed. */
export async function watchArrivals(
  listener: Listener,
  told: {
    readonly onSession: (session: Session) => void;
    readonly onArrival: (arrival: Arrival) => void;
    /** How this end sends, where it does not say so for itself. */
    readonly intent: StreamIntent | undefined;
  },
): Promise<void> {
  for await (const session of listener) {
    told.onSession(session);
    void watchSession(session, told);
  }
}

type Told = Parameters<typeof watchArrivals>[1];

async function watchSession(session: ServerSession, told: Told): Promise<void> {
  try {
    for (;;) void welcome(session, await session.acceptStream(), told);
  } catch {
    // The session has ended; its sockets know by themselves.
  }
}

async function welcome(session: ServerSession, stream: Stream, { onArrival, intent }: Told): Promise<void> {
  const bytes = new ByteStream(stream);
  let first: Buffer;
  try {
    if (intent !== undefined) bytes.setIntent(intent);
    first = await readRequest(bytes);
  } catch {
    // It was no request, or its session has ended: nobody here waits for it.
    return;
  }
  const addresses = sessionAddresses(session);
  if (addresses === undefined) {
    // The session has lost its last path, and may get another one: the client is not to wait for an answer.
    resetStream(bytes, RESET_CODES.refused);
    return;
  }
  // Not from inside of a promise: what the application throws is an uncaught exception, as it is with node:net.
  process.nextTick(onArrival, {
    addresses,
    accept: (hold: ProcessHold) => accepted(bytes, first, { addresses, hold }),
    refuse: () => resetStream(bytes, RESET_CODES.refused),
  });
}

function accepted(
  stream: ByteStream,
  first: Buffer,
  { addresses, hold }: { addresses: SessionAddresses; hold: ProcessHold },
): Carrier {
  // What ends the session meanwhile is told to the socket when it reads.
  answerRequest(stream, new AbortController().signal).catch(() => undefined);
  return new Carrier({ stream, first, addresses, hold, onReleased: () => undefined });
}
