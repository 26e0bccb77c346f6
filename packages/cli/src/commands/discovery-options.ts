import { parseSource, SOURCE_FORMS } from '@kwik/discovery/source-spec';
import { InvalidArgumentError, type Command } from 'commander';
import { collect } from './parsers.js';

/** For the end of a command's help. */
export const SOURCE_HELP = `A SOURCE is one of:
${SOURCE_FORMS.map((form) => `  ${form}`).join('\n')}

The token of a registry stands in the variable KWIK_REGISTRY_TOKEN, and is shown to each registry that is named; user
and password of etcd in KWIK_ETCD_USER and KWIK_ETCD_PASSWORD. Without --discover the variable KWIK_DISCOVER counts,
with spaces between sources.`;

/** Checks a source; it stays text, so that the same text names it in messages. */
export function parseSourceText(text: string): string {
  try {
    parseSource(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : '');
  }
}

export function addDiscoverOption(command: Command, what: string): Command {
  return command
    .option('--discover <source>', `${what} (may be repeated)`, collect(parseSourceText), [])
    .option('--server-keys <file>', 'only servers that one of these Ed25519 keys (PEM, public) has signed for');
}

/** How registries and etcd are spoken with. */
export function addRegistryOptions(command: Command): Command {
  return command
    .option('--registry-ca <file>', 'authorities, PEM, of registries and of etcd (default: those of Node)')
    .option('--registry-cert <file>', 'certificate, PEM, to show to registries and to etcd')
    .option('--registry-key <file>', 'private key of that certificate, PEM');
}
