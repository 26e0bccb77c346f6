/**
 * `pnpm adversary [NAME…] [--quick] [--list]`: attacks running servers and clients on loopback, one attack after the
 * other, and says of each what it saw and what is right. Ends with `N passed, N failed`, and with status 1 when an attack
 * got what it wanted.
 */
import { parseArgs } from 'node:util';
import type { Attack, Finding } from './attack.js';
import { ATTACKS } from './attacks/index.js';
import { CHECKOUT, releaseIn, Scene } from './scene/scene.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !ATTACKS.some((attack) => attack.name === name));
const chosen = ATTACKS.filter(({ name, quick }) =>
  positionals.length > 0 ? positionals.includes(name) : quick || !values.quick,
);

if (values.list || unknown.length > 0) {
  const list = ATTACKS.map(({ name, about, quick }) => `  ${name.padEnd(18)}${about}${quick ? ' (quick)' : ''}\n`);
  process.stdout.write(`${unknown.map((name) => `No attack is called ${name}.\n`).join('')}${list.join('')}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

/** Set by `pnpm adversary:release`. */
const release = process.env['KWIK_ADVERSARY_RELEASE'];
let failed = 0;
for (const attack of chosen) {
  process.stdout.write(`${attack.name}: ${attack.about}\n`);
  const findings = await judge(attack);
  for (const { what, saw, right, ok } of findings) {
    process.stdout.write(`  ${ok ? 'ok  ' : 'FAIL'}  ${what}: ${saw}${ok ? '' : `; right: ${right}`}\n`);
  }
  if (findings.some(({ ok }) => !ok)) failed++;
}
process.stdout.write(`${chosen.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

async function judge(attack: Attack): Promise<readonly Finding[]> {
  const scene = new Scene(release === undefined ? CHECKOUT : releaseIn(release));
  try {
    return await attack.run(scene);
  } catch (error) {
    const saw = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [{ what: 'the attack itself', saw, right: 'it runs to its end', ok: false }];
  } finally {
    await scene.end();
  }
}
