import { expect, it } from '@jest/globals';
import { CONVERSIONS, EVENT_SCHEMAS } from '../qlog/qlog-events.js';
import { CddlChecker } from './cddl-checker.js';
import { parseCddl } from './cddl-parser.js';
import { checkQlog, QlogSchema } from './qlog-schema.js';

const HEADER = {
  file_schema: 'urn:ietf:params:qlog:file:sequential',
  serialization_format: 'application/qlog+json-seq',
  trace: { event_schemas: EVENT_SCHEMAS },
};
const EVENT = { time: 1, name: 'quic:mtu_updated', group_id: 'a/1', data: { new: 1350 } };
const textOf = (...records: object[]): string => records.map((each) => `\u001e${JSON.stringify(each)}\n`).join('');

it('the published schemas are read whole, and refuse what is not as they say', () => {
  expect(checkQlog(textOf(HEADER, EVENT)).events).toEqual([EVENT]);
  const refused: readonly (readonly [string, ...object[]])[] = [
    ['QlogFileSeq.trace is missing', { ...HEADER, trace: undefined }],
    ['QlogFileSeq.qlog_version is in no rule', { ...HEADER, qlog_version: '0.4' }],
    ['there are 0 of it', { ...HEADER, trace: { event_schemas: [] } }],
    ['"north" is not "client"', { ...HEADER, trace: { ...HEADER.trace, vantage_point: { type: 'north' } } }],
    ['nothing is no map', HEADER, { ...EVENT, data: undefined }],
    ['Event.group_id: 7 is no text', HEADER, { ...EVENT, group_id: 7 }],
    ['is no float64', HEADER, { ...EVENT, time: '1' }],
    ['QUICMTUUpdated.new is missing', HEADER, { ...EVENT, data: { old: 1200 } }],
    ['QUICMTUUpdated.path is in no rule', HEADER, { ...EVENT, data: { new: 1350, path: 1 } }],
    ['is larger than 4 bytes', HEADER, { ...EVENT, data: { new: 2 ** 32 } }],
    ['is no uint', HEADER, { ...EVENT, data: { new: -1 } }],
    ['quic:made_up is in no schema', HEADER, { ...EVENT, name: 'quic:made_up' }],
    ['goes back in time', HEADER, EVENT, { ...EVENT, time: 0.5 }],
  ];
  for (const [why, ...records] of refused) expect(() => checkQlog(textOf(...records))).toThrow(why);
  expect(() => checkQlog(JSON.stringify(HEADER))).toThrow('no JSON text sequence');
});

it('CDDL that the checker does not know is refused, and passes nothing', () => {
  const faultOf = (cddl: string, value: unknown): string | undefined =>
    new CddlChecker(parseCddl(cddl)).fault('a', value);
  expect(faultOf('a = {? b: text, * text => uint}', { b: 'x', c: 1 })).toBeUndefined();
  expect(faultOf('a = {? b: text, * text => uint}', { b: 'x', c: 'y' })).toBe('a.c is in no rule');
  expect(faultOf('a = [1*2 uint]', [1, 2, 3])).toBe('a: there are 3 of it');
  expect(faultOf('a = text .regexp "[a-f]{2}"', 'abc')).toBe('a: "abc" is not as [a-f]{2}');
  expect(faultOf('a = {~b}\nb = {c: bool}', { c: 1 })).toBe('a.c: 1 is no bool');
  expect(() => faultOf('a = text .feature "x"', 'y')).toThrow('.feature is not known');
  expect(() => faultOf('a = b', 1)).toThrow('no rule named b');
  expect(() => parseCddl('a = <b>')).toThrow('CDDL is not understood here: <b>');
  expect(() => parseCddl('a = text\na = uint')).toThrow('two rules named a');
});

it('every event of KWIK has a rule in its own schema, which has no others', () => {
  const schema = new QlogSchema();
  const channels = Object.keys(CONVERSIONS).map((name) => name.split(':').slice(1).join('_'));
  const names: Readonly<Record<string, string>> = { path_changed: 'path_state_updated' };
  const heard = channels.map((name) => schema.ruleOf(`kwik:${names[name] ?? name}`));
  const looked = ['path_use_updated', 'path_traffic', 'reinjection', 'scheduling', 'records_dropped', 'file_full'];
  const rules = [...heard, ...looked.map((name) => schema.ruleOf(`kwik:${name}`))];
  expect([...schema.ownEvents].sort()).toEqual(rules.sort());
});
