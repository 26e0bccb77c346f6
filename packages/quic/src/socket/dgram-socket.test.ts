import { describeDatagramSocketContract } from '../test-support/datagram-socket-contract.js';
import { DgramSocket } from './dgram-socket.js';
import { SpentMemory } from './spent-memory.js';

describeDatagramSocketContract('node:dgram', (host, port = 0) => DgramSocket.bind(host, port, new SpentMemory()));
