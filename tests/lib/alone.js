// Run a program twice in the same surroundings: an environment of its own, and an empty folder that has the same name both
// times, for some programs print where they are.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/nonexistent', TZ: 'UTC' };

function alone([name, ...args], variables = {}) {
  const cwd = path.join(os.tmpdir(), `residue-alone-${process.pid}`);
  fs.mkdirSync(cwd);
  fs.chmodSync(cwd, 0o755);
  try {
    const env = { ...ENVIRONMENT, ...variables };
    const { pid, status, signal, stdout, stderr } = spawnSync(name, args, { cwd, env, encoding: 'latin1', timeout: 300_000, maxBuffer: 1 << 28 });
    return { pid, end: { status, signal, stdout, stderr } };
  } finally {
    fs.rmSync(cwd, { recursive: true, force: true });
  }
}

module.exports = { alone };
