import type { Command } from 'commander';
import { collect } from './parsers.js';

/** How the servers that a client dials are known. */
export function withTrust(command: Command): Command {
  return command
    .option('--ca <file>', "authorities, PEM, that may have signed a server's certificate")
    .option(
      '--pin <sha256>',
      'accept the server with this key (SHA-256 of its SPKI, hex or base64; may be repeated)',
      collect(String),
      [],
    )
    .option('--server-name <name>', 'host or SPIFFE id that the certificate must be for, in place of the host dialled');
}
