import { KwikError } from '@kwik/wire';
import { ByteReader } from '../../../packages/cli/src/protocol/byte-reader.js';
import { decodeContentKey, encodeContentKey } from '../../../packages/cli/src/protocol/content-key.js';
import { encodeMessage, readMessage } from '../../../packages/cli/src/protocol/framing.js';
import {
  anyRequestSchema,
  headerSchema,
  pageSchema,
  requestSchema,
  serversAnswerSchema,
  trailerSchema,
} from '../../../packages/cli/src/protocol/messages.js';
import { rule, type FuzzTarget } from '../target.js';

const SCHEMAS = { requestSchema, anyRequestSchema, headerSchema, trailerSchema, pageSchema, serversAnswerSchema };
const PIECE_BYTES = 97;
const SHA = 'a'.repeat(64);

/** Messages of the file protocol, in pieces, read as each kind of message. */
const fileProtocol: FuzzTarget = {
  name: 'file-protocol',
  shape: 'bytes',
  seeds: () =>
    [
      { v: 1, op: 'get', path: 'films/one.mkv', offset: 10, etag: 'x', prefixSha256: SHA },
      { v: 1, op: 'list', path: '' },
      { v: 1, op: 'add-servers', servers: ['a:1', '[::1]:2'] },
      { v: 2, op: 'other' },
      { ok: true, size: 5, etag: 'e', offset: 0 },
      { ok: true, sha256: SHA },
      { ok: true, entries: [{ path: 'a', size: 1 }], more: false },
      { ok: true, accepted: ['a:1'], refused: [{ server: 'b:1', reason: 'no' }] },
      { ok: false, code: 'not-found', message: 'gone' },
      { __proto__: { polluted: true }, v: 1 },
    ].map(encodeMessage),
  repair(input) {
    const copy = input.slice();
    if (copy.length >= 4) new DataView(copy.buffer).setUint32(0, copy.length - 4);
    return copy;
  },
  async run(input) {
    const outcomes: string[] = [];
    for (const [name, schema] of Object.entries(SCHEMAS)) {
      try {
        const message = await readMessage(
          new ByteReader(piecesOf(input)),
          schema as typeof headerSchema,
          'the message',
        );
        if (message !== null) {
          const framed = encodeMessage(message);
          const again = await readMessage(new ByteReader(piecesOf(framed)), schema as typeof headerSchema, 'again');
          rule(JSON.stringify(again) === JSON.stringify(message), 'a message changes its meaning when written again');
        }
        outcomes.push(message === null ? 'end' : name);
      } catch (error) {
        if (!(error instanceof KwikError)) throw error;
        outcomes.push(error.code);
      }
    }
    rule(!('polluted' in {}), 'a prototype was reached');
    return outcomes.join(' ');
  },
};

const contentKey: FuzzTarget = {
  name: 'content-key',
  shape: 'bytes',
  seeds: () =>
    [encodeContentKey({ path: 'a/b', size: 10, offset: 3 }), 'kwik-file:{}', 'other:key'].map(
      (key) => new Uint8Array(Buffer.from(key)),
    ),
  run(input) {
    const key = decodeContentKey(Buffer.from(input).toString('utf8'));
    if (key === undefined) return 'not ours';
    const again = decodeContentKey(encodeContentKey(key));
    rule(JSON.stringify(again) === JSON.stringify(key), 'a key changes its meaning when written again');
    return 'key';
  },
};

export const CLI_TARGETS = [fileProtocol, contentKey];

function piecesOf(bytes: Uint8Array): { read: () => Promise<Uint8Array | null> } {
  let at = 0;
  return {
    read: async () => (at >= bytes.length ? null : bytes.slice(at, (at += PIECE_BYTES))),
  };
}
