// samod as a server of the harness.
import { start } from '../leja/client.mjs';

export async function serve({ dir, port }) {
  const ask = start(process.env.SAMOD_PEER, 'server', dir, String(port));
  return { count: () => ask('count'), close: () => ask('close') };
}
