/** A client that ends in the way that it is told: `client.ts PORT WAY`. */
import { pause } from '@kwik/testbed';
import net from '@kwik/socket';

const [port, way = 'kill'] = process.argv.slice(2);
const LARGE_BYTES = 3_000_000;

const ways: Readonly<Record<string, () => unknown>> = {
  destroy: () => {
    socket.write('bye');
    socket.destroy();
    process.exit();
  },
  exit: () => {
    socket.write('bye');
    process.exit();
  },
  reset: () => {
    socket.resetAndDestroy();
    process.exit();
  },
  end: () => socket.end(Buffer.alloc(LARGE_BYTES)).resume(),
  unref: () => socket.write('bye', () => socket.unref()),
  kill: () => socket.write('bye', () => void pause(100).then(() => process.kill(process.pid, 'SIGKILL'))),
};

const socket = net.connect(Number(port), () => void ways[way]?.());
