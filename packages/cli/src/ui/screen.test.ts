import { expect, test } from '@jest/globals';
import { Screen } from './screen.js';

function screenOn(live: boolean) {
  const printed: string[] = [];
  const output = {
    isTty: live,
    columns: () => 80,
    print: (text: string) => void printed.push(text),
    write: async () => {},
  };
  return { printed, screen: new Screen(output, { live, color: false, unicode: false }) };
}

test('draws over its own lines, keeps logged ones above, and gives the cursor back', () => {
  const { printed, screen } = screenOn(true);
  screen.draw(['a', 'b']);
  screen.draw(['c']);
  screen.log('stays');
  screen.draw(['d']);
  screen.clear();
  expect(printed).toEqual([
    '\u001b[?25l\u001b[0Ja\nb\n',
    '\r\u001b[2A\u001b[0Jc\n',
    '\r\u001b[1A\u001b[0Jstays\n',
    '\u001b[0Jd\n',
    '\r\u001b[1A\u001b[0J',
    '\u001b[?25h',
  ]);
});

test('where nothing can be drawn in place, only logged lines appear', () => {
  const { printed, screen } = screenOn(false);
  screen.draw(['a']);
  screen.log('line');
  screen.clear();
  expect(printed).toEqual(['line\n']);
});
