// Leja's hub as a server of the harness.
import { start } from './client.mjs';

export async function serve({ dir, port }) {
  const ask = start(process.env.LEJA_PEER, 'hub', dir, String(port));
  return { count: () => ask('count'), close: () => ask('close') };
}
