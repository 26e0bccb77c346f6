import { describe, expect, test } from '@jest/globals';
import * as errors from './errors.js';
import { errorOfClose, errorOfDial } from './close-errors.js';
import { Evented } from './evented.js';
import * as events from './events.js';
import { KwikError } from '@kwik/wire';

describe('events', () => {
  test('the type of an event is the name of its class', () => {
    for (const [name, make] of Object.entries(events)) {
      const event = new (make as new (init: { detail: undefined }) => Event)({ detail: undefined });
      expect(event.type).toBe(name);
      expect(event).toBeInstanceOf(events.EventQUIC);
    }
  });

  test('what happens to a stream is told to its connection and its client, as clones, each its own target', () => {
    const client = new Evented();
    const stream = new Evented(new Evented(client));
    const seen: [string, events.EventQUICStreamError][] = [];
    const listen = (name: string, target: Evented): void =>
      target.addEventListener(events.EventQUICStreamError.name, (event: events.EventQUICStreamError) => {
        expect(event.target).toBe(target);
        seen.push([name, event]);
      });
    listen('client', client);
    listen('stream', stream);
    const error = new errors.ErrorQUICStreamPeerRead('x', { data: { code: 3 } });
    stream.dispatchEvent(new events.EventQUICStreamError({ detail: error }));
    expect(seen.map(([name]) => name)).toEqual(['stream', 'client']);
    for (const [, event] of seen) {
      expect(event).toBeInstanceOf(events.EventQUICStream);
      expect(event.detail).toBe(error);
    }
    expect(seen[0]![1]).not.toBe(seen[1]![1]);
  });

  test('a listener that throws, or rejects, keeps nothing from the others, and does not end the process', async () => {
    const target = new Evented();
    const seen: string[] = [];
    const type = events.EventQUICStreamDestroyed.name;
    target.addEventListener(type, () => {
      throw new Error('a mistake of the application');
    });
    target.addEventListener(type, () => Promise.reject(new Error('a later one')));
    target.addEventListener(type, { handleEvent: () => seen.push('the others hear of it') });
    target.dispatchEvent(new events.EventQUICStreamDestroyed());
    // Node's own targets throw in the next tick, where nobody catches.
    await new Promise(setImmediate);
    expect(seen).toEqual(['the others hear of it']);
  });

  test('listeners go as they came; once is once', () => {
    const target = new Evented();
    let calls = 0;
    const count = (): number => ++calls;
    target.addEventListener('EventQUICStreamDestroy', count);
    target.addEventListener('EventQUICStreamDestroyed', { handleEvent: count }, { once: true });
    for (let round = 0; round < 2; round++) target.dispatchEvent(new events.EventQUICStreamDestroyed());
    target.dispatchEvent(new events.EventQUICStreamDestroy());
    target.removeEventListener('EventQUICStreamDestroy', count);
    target.dispatchEvent(new events.EventQUICStreamDestroy());
    expect(calls).toBe(2);
  });
});

describe('errors', () => {
  test('have their name, a description, and their place in the family', () => {
    const error = new errors.ErrorQUICConnectionLocalTLS('bad', { data: { a: 1 }, cause: 'why' });
    expect(error).toMatchObject({ name: 'ErrorQUICConnectionLocalTLS', message: 'bad', data: { a: 1 }, cause: 'why' });
    expect(error.description).toBe('QUIC Connection local TLS error');
    expect(error).toBeInstanceOf(errors.ErrorQUICConnectionLocal);
    expect(error).toBeInstanceOf(errors.ErrorQUICConnection);
    expect(error).toBeInstanceOf(errors.ErrorQUIC);
    expect(new errors.ErrorQUICStreamLimit()).not.toBeInstanceOf(errors.ErrorQUICConnection);
  });

  test('the end of a session: by this end, by the peer, by silence, by a failure', () => {
    const ending = { isApp: false, errorCode: 9, reason: new Uint8Array([97]) };
    const local = errorOfClose({ by: 'local', code: 9, reason: 'a' }, ending);
    expect(local).toBeInstanceOf(errors.ErrorQUICConnectionLocal);
    expect(local).toMatchObject({ message: 'Locally closed with transport code 9', data: ending });
    const peer = errorOfClose({ by: 'peer', code: 5, reason: 'bye' }, undefined);
    expect(peer).toBeInstanceOf(errors.ErrorQUICConnectionPeer);
    expect(peer.data).toEqual({ isApp: true, errorCode: 5, reason: new TextEncoder().encode('bye') });
    const failed = errorOfClose(
      { by: 'peer', code: 16, reason: 'x', error: new KwikError('ERR_KWIK_INVALID_FRAME') },
      undefined,
    );
    expect(failed).toMatchObject({ name: 'ErrorQUICConnectionPeer', data: { isApp: false, errorCode: 1 } });
    const dead = new KwikError('ERR_KWIK_PATH_DEAD');
    const silent = errorOfClose({ by: 'error', code: 48, reason: 'gone', error: dead }, undefined);
    expect(silent).toBeInstanceOf(errors.ErrorQUICConnectionIdleTimeout);
    expect(silent.cause).toBe(dead);
    const broken = new KwikError('ERR_KWIK_INVALID_FRAME');
    expect(errorOfClose({ by: 'error', code: 16, reason: 'x', error: broken }, undefined)).toMatchObject({
      name: 'ErrorQUICConnectionLocal',
      cause: broken,
    });
  });

  test.each([
    ['ERR_KWIK_TIMEOUT', 'ErrorQUICClientCreateTimeout'],
    ['ERR_KWIK_INVALID_ARGUMENT', 'ErrorQUICClientInvalidArgument'],
    ['ERR_KWIK_CREDENTIALS', 'ErrorQUICConfig'],
    ['ERR_KWIK_CERTIFICATE', 'ErrorQUICConnectionLocalTLS'],
    ['ERR_KWIK_AUTH_FAILED', 'ErrorQUICConnectionPeer'],
    ['ERR_KWIK_IDLE_TIMEOUT', 'ErrorQUICConnectionIdleTimeout'],
    ['ERR_KWIK_CONNECT_FAILED', 'ErrorQUICConnectionLocal'],
  ] as const)('a client that could not be made: %s', (code, name) => {
    const cause = new KwikError(code);
    expect(errorOfDial(cause)).toMatchObject({ name, cause });
  });
});
