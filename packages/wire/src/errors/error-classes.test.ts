import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ERROR_CLASSES, errorClassOf, type ErrorClass } from './error-classes.js';
import { ERROR_TABLE, type ErrorCode } from './error-table.js';
import { KwikError } from './kwik-error.js';

const PAGE = readFileSync(new URL('../../../../docs/reference/errors.md', import.meta.url), 'utf8');
const codes = Object.keys(ERROR_TABLE) as ErrorCode[];
const classes = Object.keys(ERROR_CLASSES) as ErrorClass[];

/** The cells of the tables of the page, by their first. */
const rows = new Map(
  PAGE.split('\n').flatMap((line): [string, string[]][] => {
    const cells = line.split('|').map((cell) => cell.trim());
    return /^\| `/u.test(line) ? [[cells[1]!.replaceAll('`', ''), cells.slice(1, -1)]] : [];
  }),
);

describe('what kind of error it is', () => {
  test.each(codes)('%s has a class', (code) => {
    expect(classes).toContain(errorClassOf(code));
    expect(new KwikError(code).errorClass).toBe(errorClassOf(code));
  });

  test.each(classes)('%s is the class of some code, and the page of errors shows what follows from it', (name) => {
    const { answer, tell, meaning } = ERROR_CLASSES[name];
    expect(codes.some((code) => errorClassOf(code) === name)).toBe(true);
    expect(rows.get(name)).toEqual([`\`${name}\``, answer, tell ? 'yes' : 'no', meaning]);
  });
});
