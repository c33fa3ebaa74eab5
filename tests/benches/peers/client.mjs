// Leja's till as a client of the harness. The till is a process of its own, as it is in a shop; it is asked over
// two pipes and waited for, which costs some microseconds a call. Its processor time is added to this process's
// and its memory is told instead of this process's, so that the harness measures the till.
import { spawn, execFileSync } from 'child_process';
import fs from 'fs';
import os from 'os';
import path from 'path';

// Starts a program in a role and gives the function that asks it. It is killed when this process is.
export function start(program, ...role) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leja-pipes-'));
  const pipes = [path.join(folder, 'ask'), path.join(folder, 'answer')];
  execFileSync('mkfifo', pipes);
  const stdio = ['ignore', 'ignore', process.env.VERBOSE ? 'inherit' : 'ignore'];
  const { pid } = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...role, ...pipes], { stdio });
  const [to, from] = [fs.openSync(pipes[0], 'w'), fs.openSync(pipes[1], 'r')];
  fs.rmSync(folder, { recursive: true });
  measure(pid);
  const chunk = Buffer.alloc(65536);
  return (cmd, rest = {}) => {
    fs.writeSync(to, JSON.stringify({ cmd, ...rest }) + '\n');
    let answer = '';
    while (!answer.endsWith('\n')) {
      const length = fs.readSync(from, chunk);
      if (length === 0) throw new Error(`${program} ended`);
      answer += chunk.toString('utf8', 0, length);
    }
    return JSON.parse(answer);
  };
}

function measure(pid) {
  const read = fs.readFileSync;
  fs.readFileSync = (file, ...rest) => read(file === '/proc/self/status' ? `/proc/${pid}/status` : file, ...rest);
  const own = process.cpuUsage.bind(process);
  process.cpuUsage = () => {
    const usage = own();
    let nanoseconds = 0;
    try {
      for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
        nanoseconds += +read(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0];
      }
    } catch { /* it ended */ }
    return { user: usage.user + nanoseconds / 1000, system: usage.system };
  };
}

export async function open({ dir, port, name }) {
  const ask = start(process.env.LEJA_PEER, 'till', dir, `http://127.0.0.1:${port}`, name);
  return {
    write: (sale) => ask('write', { sale }),
    push: () => ask('sync'),
    pull: () => ask('sync'),
    count: () => ask('count'),
    editMany: (from, count, patch) => ask('edit', { from, count, patch }),
    getMany: (from, count) => ask('get', { from, count }),
    conflicts: (from, count) => ask('conflicts', { from, count }),
    offline() {},
    settle() {},
    close: () => ask('close'),
  };
}
