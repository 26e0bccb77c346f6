import { networkInterfaces } from 'node:os';

/** Those of this machine that are up, by name; none where the system does not tell, as on Android and in some sandboxes. */
export function interfacesHere(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch {
    return {};
  }
}
