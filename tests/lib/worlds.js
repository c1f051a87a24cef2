// Worlds to run programs in: each is a command that runs another, given behind it. The worlds that mount something need
// root, and do it in a mount namespace of their own, so that nothing is left of it.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { program, root } = require('./residue');

const isRoot = process.getuid() === 0;

const works = (argv) => spawnSync(argv[0], argv.slice(1), { stdio: 'ignore' }).status === 0;
const canMount = isRoot && works(['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']);

// Some system calls fail: `calls` is a list like ['append=EMFILE'], by the names of programs/deny.c.
const denied = (...calls) => [program('deny'), ...calls, '--'];

const limited = (...limits) => ['prlimit', ...limits];

// A shell script that ends with nothing open comes first; then the program. `folder` is $0 in it.
const mounted = (script, folder) => ['unshare', '-m', 'sh', '-ec', `${script}\nexec "$@"`, folder];

// A file system of its own in `folder`, out of an image file beside it.
function formatted(kind, folder, size, ...options) {
  const image = `${folder}.image`;
  fs.writeFileSync(image, '');
  fs.truncateSync(image, size);
  const made = spawnSync(`mkfs.${kind}`, ['-q', ...options, image], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`mkfs.${kind}: ${made.stderr}`);
  return mounted(`mount -o loop '${image}' "$0"\nchmod 777 "$0"`, folder);
}

// Whether a memory cgroup can be made here, and a command that runs another in one of so many bytes.
function canLimitMemory() {
  const folder = fs.existsSync('/sys/fs/cgroup/memory') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
  const name = path.join(folder, `residue-test-${process.pid}`);
  try {
    fs.mkdirSync(name);
    const can = ['memory.limit_in_bytes', 'memory.max'].some((file) => fs.existsSync(path.join(name, file)));
    fs.rmdirSync(name);
    return can;
  } catch {
    return false;
  }
}
const cgroup = (bytes) => [path.join(root, 'examples', 'service', 'limited'), String(bytes)];

const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

module.exports = { isRoot, canMount, canLimitMemory, cgroup, denied, limited, mounted, formatted, nobody, works };
