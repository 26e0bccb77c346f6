import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { describeSchedulerContract } from './test-support/contract.js';
import { createPrimaryFirstScheduler } from './test-support/primary-first.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describeSchedulerContract("the README's scheduler", createPrimaryFirstScheduler);

describe('the README', () => {
  test('shows the code that is tested here', () => {
    const code = readFileSync(new URL('./test-support/primary-first.ts', import.meta.url), 'utf8').trim();
    expect(readme).toContain(`\`\`\`ts run\n${code}\n\`\`\``);
  });
});
