// Memory cgroups for tests.

const fs = require('node:fs');
const path = require('node:path');

// A cgroup of `bytes` of our own below the one that we are in; null where that is not allowed.
function makeGroup(t, bytes) {
  const lines = fs.readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  const one = lines.find((line) => /:memory:/.test(line));
  const base = one ? path.join('/sys/fs/cgroup/memory', one.split(':')[2]) : path.join('/sys/fs/cgroup', lines[0].split(':')[2] ?? '');
  const group = path.join(base, `residue-test-${process.pid}`);
  try {
    fs.mkdirSync(group);
    t.after(() => fs.rmdirSync(group));
    fs.writeFileSync(path.join(group, one ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes));
    return group;
  } catch {
    return null;
  }
}

module.exports = { makeGroup };
