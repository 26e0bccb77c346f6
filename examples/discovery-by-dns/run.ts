import { createDiscovery, dnsSd } from '@kwik/discovery';
import { dial, listen, type DialOptions, type Listener } from '@kwik/session';
import { startNameServer } from './name-server.js';

const DOMAIN = 'greetings.example';

/** Says which server it is. */
async function startServer(name: string): Promise<Listener> {
  const listener = await listen();
  void (async () => {
    for await (const session of listener) {
      const stream = await session.acceptStream();
      await stream.write(`hello from ${name}`);
      await stream.close();
    }
  })().catch((error: unknown) => console.error(name, error));
  return listener;
}

async function greeting(discovery: NonNullable<DialOptions['discovery']>): Promise<string> {
  await using session = await dial('kwik:greetings', { discovery });
  const stream = session.openStream();
  await stream.close();
  let text = '';
  for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  return text;
}

/** Two servers that a zone names; the client knows the name of the service and nothing else. One of the two goes away. */
export async function run(): Promise<{ first: string; reasons: string[]; afterwards: string }> {
  const servers = new Map([
    ['one', await startServer('one')],
    ['two', await startServer('two')],
  ]);
  const nameServer = await startNameServer(
    DOMAIN,
    [...servers].map(([name, listener]) => ({
      name,
      port: listener.address().port,
      // The second is far away: it is there for when the first is not.
      txt: [`id=${name}`, 'cap=primary,replica', name === 'one' ? 'region=eu' : 'region=us'],
    })),
  );
  const discovery = createDiscovery({
    sources: [dnsSd({ domain: DOMAIN, servers: [nameServer.address] })],
    policy: { region: 'eu' },
  });
  try {
    const first = await greeting(discovery);
    const { chosen, rejected } = await discovery.service('greetings').select({ capabilities: ['primary'], count: 1 });
    const reasons = [...chosen, ...rejected].map(({ record, reason }) => `${record.serverId}: ${reason}`);
    await servers.get('one')?.close({ force: true });
    return { first, reasons, afterwards: await greeting(discovery) };
  } finally {
    discovery.close();
    nameServer.stop();
    for (const listener of servers.values()) await listener.close({ force: true });
  }
}
