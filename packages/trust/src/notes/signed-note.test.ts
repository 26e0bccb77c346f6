import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { parseCheckpoint, checkpointText } from './checkpoint.js';
import { NOTE_COSIGNATURE, noteKey, parseNoteKey, rawPublicKey } from './note-key.js';
import { cosign, NoteSigner, parseNote, signedBy } from './signed-note.js';

/** The example that implementations of signed notes check themselves with. */
const EXAMPLE_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const EXAMPLE_NOTE =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

const ROOT = new Uint8Array(32).fill(7);
const keys = generateKeyPairSync('ed25519');
const signer = new NoteSigner('example.org/log', keys.privateKey);

describe('a signed note', () => {
  test('of another implementation is read and verified', () => {
    const note = parseNote(EXAMPLE_NOTE);
    expect(signedBy(note, parseNoteKey(EXAMPLE_KEY))).toBe(true);
    expect(parseNoteKey(EXAMPLE_KEY).text).toBe(EXAMPLE_KEY);
    expect(signedBy({ ...note, text: note.text.replace('answer', 'Answer') }, parseNoteKey(EXAMPLE_KEY))).toBe(false);
  });

  test('bears the signature of its key, and of no other key of that name', () => {
    const note = parseNote(signer.sign('text\n'));
    expect(signedBy(note, signer.key)).toBe(true);
    const other = noteKey('example.org/log', rawPublicKey(generateKeyPairSync('ed25519').publicKey));
    expect(signedBy(note, other)).toBe(false);
  });

  test('takes the signature of a witness, with its time', () => {
    const witness = generateKeyPairSync('ed25519');
    const key = noteKey('witness', rawPublicKey(witness.publicKey), NOTE_COSIGNATURE);
    const signed = signer.sign(checkpointText({ origin: 'example.org/log', size: 3, root: ROOT }));
    expect(signedBy(parseNote(signed), key)).toBe(false);
    const cosigned = parseNote(cosign(signed, 'witness', witness.privateKey, 1_700_000_000_000));
    expect(signedBy(cosigned, key)).toBe(true);
    expect(signedBy(cosigned, signer.key)).toBe(true);
  });

  test.each(['', 'text', 'text\n\n', 'text\n\nno signature\n', 'text\n\n\u2014 name not-base64!\n'])(
    '%j is none',
    (text) => {
      expect(() => parseNote(text)).toThrow('not a signed note');
    },
  );

  test.each(['', 'name', 'name+00000000+AAAA', EXAMPLE_KEY.replace('c74f20a3', 'c74f20a4'), EXAMPLE_KEY.slice(0, -4)])(
    '%j is no key',
    (text) => {
      expect(() => parseNoteKey(text)).toThrow('not a key');
    },
  );
});

describe('a checkpoint', () => {
  test('says of which log, how many entries, and their root', () => {
    const checkpoint = parseCheckpoint(
      signer.sign(checkpointText({ origin: 'example.org/log', size: 42, root: ROOT })),
    );
    expect(checkpoint).toMatchObject({ origin: 'example.org/log', size: 42 });
    expect(Buffer.compare(checkpoint.root, ROOT)).toBe(0);
  });

  test.each([
    'log\n-1\n',
    'log\n007\n',
    'log\n1e3\n',
    'log\n1\nAAAA\n',
    `\n1\n${Buffer.from(ROOT).toString('base64')}\n`,
  ])('%j is none', (text) => {
    expect(() => parseCheckpoint(signer.sign(text))).toThrow('not a checkpoint');
  });
});
