/**
 * The messages of the file protocol, version 1. packages/cli/README.md describes the exchange; both ends check what they
 * receive against these schemas. Unknown members are ignored, so that later versions can add some.
 */
import { z } from 'zod';

export const PROTOCOL_VERSION = 1;
/** Longest path in a request, characters; what file systems allow. */
export const MAX_PATH_CHARACTERS = 4096;
/** Servers that a client may name in a session. */
export const MAX_NAMED_SERVERS = 16;
const MAX_ADDRESS_CHARACTERS = 300;
const MAX_HOST_CHARACTERS = 254;
const MAX_LISTENER_ID = 0xffff;
const MAX_ETAG_CHARACTERS = 128;
const MAX_REASON_CHARACTERS = 1000;
/** Entries in one page of a listing; the page's bytes are bounded by the message. */
const MAX_PAGE_ENTRIES = 2048;

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u, 'must be 64 lower-case hexadecimal digits');
const path = z.string().max(MAX_PATH_CHARACTERS);
const address = z.string().min(1).max(MAX_ADDRESS_CHARACTERS);

/** Why a request was not served. Programs branch on it. */
export const FAILURE_CODES = [
  'bad-request',
  'unsupported',
  'not-found',
  'forbidden',
  'changed',
  'unavailable',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

const failure = z.object({
  ok: z.literal(false),
  code: z.string().max(64),
  message: z.string().max(MAX_REASON_CHARACTERS),
});
export type Failure = z.infer<typeof failure>;

const getRequest = z.object({
  v: z.literal(PROTOCOL_VERSION),
  op: z.literal('get'),
  path: path.min(1),
  /** First byte wanted. Above 0 the members below say what the client has already. */
  offset: size,
  /** As the header of the earlier attempt gave it. */
  etag: z.string().max(MAX_ETAG_CHARACTERS).optional(),
  /** Of the `offset` bytes that the client has. */
  prefixSha256: sha256.optional(),
  /** The content that came did not match the server's digest: it shall look at the file again, and not remember. */
  recheck: z.boolean().optional(),
  /** The client understands `checking` before the header. */
  progress: z.boolean().optional(),
  /** The client can ask for the digest by a request of its own. */
  apart: z.boolean().optional(),
});

const listRequest = z.object({
  v: z.literal(PROTOCOL_VERSION),
  op: z.literal('list'),
  path,
});

const addServersRequest = z.object({
  v: z.literal(PROTOCOL_VERSION),
  op: z.literal('add-servers'),
  servers: z.array(address).min(1).max(MAX_NAMED_SERVERS),
});

const host = z
  .string()
  .min(1)
  .max(MAX_HOST_CHARACTERS)
  .regex(/^[A-Za-z0-9._:%-]+$/u, 'must be a name or an address');
const MAX_PORT = 65_535;
/** Tells the listeners of one session apart; the client chooses it. */
const listenerId = z.number().int().min(0).max(MAX_LISTENER_ID);

const connectRequest = z.object({
  v: z.literal(PROTOCOL_VERSION),
  op: z.literal('connect'),
  host,
  port: z.number().int().min(1).max(MAX_PORT),
});
export type ConnectRequest = z.infer<typeof connectRequest>;

const MAX_FLOW_ID = 2 ** 32 - 1;

const connectUdpRequest = z.object({
  v: z.literal(PROTOCOL_VERSION),
  op: z.literal('connect-udp'),
  host,
  port: z.number().int().min(1).max(MAX_PORT),
  /** With which its datagrams begin; the client chooses it. */
  flow: z.number().int().min(0).max(MAX_FLOW_ID),
});
export type ConnectUdpRequest = z.infer<typeof connectUdpRequest>;

const listenRequest = z.object({
  v: z.literal(PROTOCOL_VERSION),
  op: z.literal('listen'),
  host,
  /** 0: the system chooses. */
  port: z.number().int().min(0).max(MAX_PORT),
  listener: listenerId,
});
export type ListenRequest = z.infer<typeof listenRequest>;

const connectAnswer = z.object({ ok: z.literal(true) });
export const connectAnswerSchema = z.union([connectAnswer, failure]);
const listenAnswer = z.object({ ok: z.literal(true), address });
export const listenAnswerSchema = z.union([listenAnswer, failure]);

/** The first message of a stream that a server opens: a connection to a port that the client had it listen on. */
export const acceptedSchema = z.object({
  v: z.literal(PROTOCOL_VERSION),
  op: z.literal('accepted'),
  listener: listenerId,
  from: z.string().max(MAX_ADDRESS_CHARACTERS),
});

export const requestSchema = z.discriminatedUnion('op', [
  getRequest,
  listRequest,
  addServersRequest,
  connectRequest,
  connectUdpRequest,
  listenRequest,
]);
export type Request = z.infer<typeof requestSchema>;
export type GetRequest = z.infer<typeof getRequest>;

/** Enough of any request, of any version, to say that it is not supported. */
export const anyRequestSchema = z.object({ v: z.number(), op: z.string().max(64) });

const header = z.object({
  ok: z.literal(true),
  /** Of the whole file, bytes. */
  size,
  /** Changes when the file does. */
  etag: z.string().min(1).max(MAX_ETAG_CHARACTERS),
  /** Where the content begins: as requested, or 0 when the client's beginning is of other content. */
  offset: size,
  /** Nothing follows the content: the digest is asked for apart, so that another server can bring the stream to its end. */
  apart: z.boolean().optional(),
});
export type Header = z.infer<typeof header>;
/** Before the header, about once a second: how much of the client's beginning the server has compared. */
const checking = z.object({ ok: z.literal(true), checked: size, of: size });
export type Checking = z.infer<typeof checking>;
export const headerSchema = z.union([header, checking, failure]);

const trailer = z.object({ ok: z.literal(true), sha256 });
export const trailerSchema = z.union([trailer, failure]);

const entry = z.object({ path: path.min(1), size });
export type ListEntry = z.infer<typeof entry>;
/** Something that should be in a listing and is not, and why. */
const omission = z.object({ path: path.min(1), reason: z.string().max(MAX_REASON_CHARACTERS) });
export type Omission = z.infer<typeof omission>;
const page = z.object({
  ok: z.literal(true),
  entries: z.array(entry).max(MAX_PAGE_ENTRIES),
  omitted: z.array(omission).max(MAX_PAGE_ENTRIES).optional(),
  /** Whether another page follows. */
  more: z.boolean(),
});
export type ListPage = z.infer<typeof page>;
export const pageSchema = z.union([page, failure]);

const serversAnswer = z.object({
  ok: z.literal(true),
  accepted: z.array(address).max(MAX_NAMED_SERVERS),
  refused: z.array(z.object({ server: address, reason: z.string().max(MAX_REASON_CHARACTERS) })).max(MAX_NAMED_SERVERS),
});
export type ServersAnswer = z.infer<typeof serversAnswer>;
export const serversAnswerSchema = z.union([serversAnswer, failure]);
