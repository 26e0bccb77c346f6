/**
 * `node --import @kwik/socket/register app.js`: the connections of a program that knows nothing of KWIK go over it, where
 * they lead to the hosts that `KWIK_HOSTS` names.
 */
import { env } from 'node:process';
import { HostList } from './host-list.js';
import { redirectConnects } from './redirect.js';

const hosts = env['KWIK_HOSTS'] ?? '';
if (hosts.trim() !== '') redirectConnects(HostList.parse(hosts));
