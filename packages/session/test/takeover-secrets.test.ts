import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SessionTickets } from '@kwik/kcp';
import { listen, type ListenOptions } from '@kwik/session';
import { DIAGNOSTIC_NAMES, sessionIdFromBytes, type AuditEvent } from '@kwik/wire';
import { Harness } from './harness.js';
import { content, first, fleet, FLEET, kill, listening, once, read, request } from './takeover-fleet.js';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

/** As much of a secret as nobody takes for something else. */
const SHOWN_BYTES = 12;

const told: unknown[] = [];
const hear = (event: unknown): void => void told.push(event);
beforeEach(() => {
  told.length = 0;
  for (const name of DIAGNOSTIC_NAMES) subscribe(name, hear);
  process.on('warning', hear);
});
afterEach(() => {
  for (const name of DIAGNOSTIC_NAMES) unsubscribe(name, hear);
  process.off('warning', hear);
});

/** All of it that a log, or a person at a console, could come to see. */
function everything(...values: readonly unknown[]): string {
  const deep = {
    depth: 16,
    showHidden: true,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: Infinity,
  } as const;
  return values.map((value) => `${inspect(value, deep)}\n${jsonOf(value)}\n${String(value)}`).join('\n');
}

function jsonOf(value: unknown): string {
  const seen = new Set<unknown>();
  return (
    JSON.stringify(value, (_name, member: unknown) => {
      if (typeof member === 'bigint') return String(member);
      if (typeof member !== 'object' || member === null) return member;
      if (seen.has(member)) return undefined;
      seen.add(member);
      return member;
    }) ?? ''
  );
}

/** The ways in which bytes are written. */
function spellings(secret: Uint8Array): string[] {
  const start = Buffer.from(secret.subarray(0, SHOWN_BYTES));
  const hex = start.toString('hex');
  const members = JSON.stringify(Object.fromEntries(start.entries())).slice(1, -1);
  return [
    hex,
    hex.replaceAll(/..(?!$)/gu, '$& '),
    start.toString('base64'),
    start.toString('base64url'),
    [...start].join(', '),
    [...start].join(','),
    members,
  ];
}

function leaked(text: string, secrets: Readonly<Record<string, Uint8Array>>): string[] {
  const lower = text.toLowerCase();
  return Object.entries(secrets).flatMap(([name, secret]) =>
    spellings(secret).some((spelling) => lower.includes(spelling.toLowerCase())) ? [name] : [],
  );
}

describe('what is told of a takeover', () => {
  test('names no secret: in events, audit, errors, and what is printed of sessions and servers', async () => {
    const tickets: Uint8Array[] = [];
    const audited: AuditEvent[] = [];
    const audit = { record: (event: AuditEvent) => void audited.push(event), fault: undefined };
    const { world, primary, standby, client } = await fleet(60, {
      ofPrimary: {
        audit,
        features: listening((body) => {
          if (body.$case === 'standby') tickets.push(body.value.ticket.slice());
        }),
      },
      ofStandby: { audit },
    });
    const stream = await request(client);
    const reading = read(
      world,
      stream,
      once(1_000_000, () => kill(primary)),
    );
    expect((await world.settle(reading)).whole.equals(content)).toBe(true);
    const [ticket] = tickets;
    const sessionId = sessionIdFromBytes(Buffer.from(client.id, 'hex'));
    const opened = new SessionTickets(FLEET).open(ticket!, sessionId, Date.now());
    const { secret, possession, answerKey } = opened.keys;
    const secrets = {
      fleet: FLEET[0]!,
      ticket: ticket!.subarray(5),
      secret,
      possession: possession.privateKey,
      answerKey,
    };
    // What is looked for is found where it is.
    expect(leaked(everything(secrets), secrets)).toEqual(Object.keys(secrets));
    expect(leaked(JSON.stringify(Buffer.from(secret)), { secret })).toEqual(['secret']);

    expect(told.length).toBeGreaterThan(5);
    expect(audited.length).toBeGreaterThan(1);
    const whole = everything(told, audited, opened.keys, new SessionTickets(FLEET));
    expect(leaked(whole, secrets)).toEqual([]);
    // A session shows its insides, and those keep what is secret to themselves.
    for (const shown of [client, first(standby), first(primary)])
      expect(leaked(everything(shown), secrets)).toEqual([]);
  });

  test('names none in what a standby refuses', async () => {
    const tickets: Uint8Array[] = [];
    const { world, primary, standby, client } = await fleet(61, {
      ofPrimary: {
        features: listening((body) => {
          if (body.$case === 'standby') tickets.push(body.value.ticket.slice());
        }),
      },
      ofStandby: { takeover: { fleetKeys: [new Uint8Array(32).fill(0xee)] } },
    });
    kill(primary);
    expect(await world.settle(client.closed)).toMatchObject({ by: 'error' });
    expect(standby.refusals).not.toEqual([]);
    const secrets = { ours: FLEET[0]!, theirs: new Uint8Array(32).fill(0xee), ticket: tickets[0]!.subarray(5) };
    expect(leaked(everything(told, standby.refusals, await client.closed), secrets)).toEqual([]);
  });

  test.each([
    ['text', 'hunter2-hunter2-hunter2-hunter2-'],
    ['too few bytes', new Uint8Array(31).fill(0x5e)],
    ['a list of numbers', [...new Uint8Array(32).fill(0x5e)]],
  ])('names no key of the fleet that is none: %s', async (_what, key) => {
    const harness = await Harness.create();
    for (const fleetKeys of [key, [key]]) {
      const options = { takeover: { fleetKeys } } as unknown as ListenOptions;
      const refusal: unknown = await listen(options).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
      const text = everything(refusal);
      expect(text).not.toContain('hunter2');
      expect(leaked(text, { key: new Uint8Array(31).fill(0x5e) })).toEqual([]);
    }
    await harness.close();
  });
});
