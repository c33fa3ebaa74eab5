// Prints what the harness measured as tables: node table.mjs RESULTS
import fs from 'fs';

const lines = fs.readFileSync(process.argv[2], 'utf8').split('\n').filter((line) => line.startsWith('{'));
const runs = lines.map((line) => JSON.parse(line));
const named = (run) => run.peer + (run.variant ? ` (${run.variant})` : '');
const number = (value, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : '-');
const both = (part) => (part ? part.up + part.down : NaN);
const table = (title, heads, rows) => {
  console.log(`\n${title}\n\n| ${heads.join(' | ')} |\n|${heads.map(() => '---').join('|')}|`);
  rows.forEach((row) => console.log(`| ${row.join(' | ')} |`));
};

const sizes = [...new Set(runs.filter((run) => run.push).map((run) => run.N))].sort((a, b) => a - b);
const syncs = (name) => runs.find((run) => run.strace && named(run) === name)?.syncsPerSale;
for (const size of sizes) {
  const quick = runs.filter((run) => run.push && run.N === size && !run.rtt);
  table(
    `${size} sales, no delay`,
    ['peer', 'write ms p50', 'p99', 'CPU ms a sale', 'fsyncs a sale', 'MB resident', 'KB a sale: client', 'server',
      'push KB', 'turns', 'pull KB', 'turns', 'one more sale: bytes up', 'down', 'turns', 'idle: bytes', 'turns',
      'push s', 'pull s', 'same on both sides', 'conflicts shown'],
    quick.map((run) => [
      named(run), number(run.write.p50, 3), number(run.write.p99, 2), number(run.write.cpuPerSale, 3),
      number(syncs(named(run)), 2), number(run.memA / 1e6),
      number(run.diskA?.bytes / 1024 / size, 2), number(run.diskS?.bytes / 1024 / size, 2),
      number(both(run.push) / 1024), number(run.push.turns), number(both(run.pull) / 1024), number(run.pull.turns),
      number(run.deltaPush?.up), number(run.deltaPush?.down), number(run.deltaPush?.turns),
      number(both(run.idleSync)), number(run.idleSync?.turns),
      number(run.push.ms / 1000, 2), number(run.pull.ms / 1000, 2),
      run.conflict ? (run.conflict.converged ? 'yes' : 'no') : '-',
      run.conflict ? `${run.conflict.surfaced ?? '-'} of ${run.conflict.K}` : '-',
    ]),
  );
  const slow = runs.filter((run) => run.push && run.N === size && run.rtt);
  table(
    `${size} sales, ${slow[0]?.rtt} ms there and back`,
    ['peer', 'push s', 'pull s', 'one more sale s', 'idle s', 'merging edits s'],
    slow.map((run) => [
      named(run), ...['push', 'pull', 'deltaPush', 'idleSync', 'merge'].map((part) => number(run[part]?.ms / 1000, 2)),
    ]),
  );
}
const kills = {};
for (const run of runs.filter((run) => 'freshClientSees' in run)) (kills[`${named(run)} | ${run.N}`] ??= []).push(run);
const lacking = (killed, when) => killed.filter((run) => run[when] !== run.N).length;
table(
  'The server is killed (-9) when the client believes that it is synced',
  ['peer', 'sales', 'kills', 'after so many a new client lacked sales', 'and still when the first client had come again'],
  Object.entries(kills).map(([row, killed]) => [
    row, killed.length, lacking(killed, 'freshClientSees'), lacking(killed, 'freshClientAfterRepair'),
  ]),
);
for (const run of runs.filter((run) => run.error)) console.log(`\n${named(run)}, ${run.N} sales: ${run.error}`);
