// samod as a client of the harness, measured as Leja's till is.
import { start } from '../leja/client.mjs';
import { makeSale } from '../common/sales.mjs';
import { sleep } from '../common/util.mjs';

const ids = (from, count) => Array.from({ length: count }, (_, number) => makeSale(from + number).id);

export async function open({ dir, port }) {
  const ask = start(process.env.SAMOD_PEER, 'client', dir, String(port));
  let pushed = 0;
  return {
    write: (sale) => ask('write', { sale }),
    async push() {
      ask('push');
      // The harness asks a client that comes again to stay: only then may the server keep what it had said it has.
      if (process.env.STAY && pushed++) await sleep(+process.env.STAY);
      ask('hangUp');
    },
    pull() {
      ask('pull');
      ask('hangUp');
    },
    count: () => ask('count'),
    editMany: (from, count, patch) => ask('edit', { ids: ids(from, count), patch }),
    getMany: (from, count) => ask('get', { ids: ids(from, count) }),
    conflicts: (from, count) => ask('get', { ids: ids(from, count) }).filter((sale) => sale.statuses > 1).length,
    offline() {},
    settle() {},
    close: () => ask('close'),
  };
}
