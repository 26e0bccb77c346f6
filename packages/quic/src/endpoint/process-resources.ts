import { SocketResources } from '../socket/socket-resources.js';

/** What the endpoints of a process have in common. One is enough; tests have their own. */
export class ProcessResources {
  readonly sockets = new SocketResources();
}
