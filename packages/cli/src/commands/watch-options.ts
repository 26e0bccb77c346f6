import type { Command } from 'commander';
import { parseListenAddress } from './parsers.js';

/** `--qlog`, `--flight` and `--key-log`, of all commands that have sessions for a while. */
export function withQlog(command: Command): Command {
  return command
    .option('--qlog <dir>', 'write a qlog of each session there (docs/operations.md)')
    .option('--flight <dir>', 'write down the minute around each failover and violation there')
    .option('--key-log <file>', 'write TLS secrets there, for Wireshark: whoever has them can read the connections');
}

/** `--admin` and `--history` besides, of the commands that run until they are stopped. */
export function withWatching(command: Command): Command {
  return withQlog(
    command
      .option(
        '--admin <[host:]port>',
        'a page, metrics and health for operators; a port alone: 127.0.0.1',
        parseListenAddress,
      )
      .option('--history <file>', 'keep what the page shows of the last day and month there'),
  );
}
