// Root folders with little in them, to run programs where this machine's files are not.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { scratch } = require('./residue');

// Why no root folder can be entered here; or undefined.
function obstacle() {
  if (process.getuid() !== 0) return 'chroot needs root';
  const { status, stderr } = spawnSync('/usr/bin/unshare', ['--mount', '--mount-proc', '--root=/', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no root folder in a mount namespace here: ${stderr}`;
}

// The shared libraries that a program needs, libc and its loader included, by their paths.
function closure(program) {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, file]) => file);
}

// Put a file into the root, by a link where that is possible, else by a copy.
function place(root, file, at = file) {
  const target = path.join(root, at);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  if (fs.existsSync(target)) return;
  const real = fs.realpathSync(file);
  try {
    fs.linkSync(real, target);
  } catch {
    fs.copyFileSync(real, target);
  }
}

// A root with these programs, at these places, and the shared libraries that they need, and /proc.
function makeRoot(t, programs) {
  const root = scratch(t);
  for (const [program, at] of programs) {
    place(root, program, at);
    closure(program).forEach((library) => place(root, library));
  }
  fs.mkdirSync(path.join(root, 'proc'));
  return root;
}

// Run a command in the root, in the folder `cwd` of it, with that root's /proc.
function runIn(root, argv, { cwd = '/', env = {} } = {}) {
  const enter = ['--mount', '--mount-proc', `--root=${root}`, `--wd=${cwd}`, '--', ...argv];
  const run = spawnSync('/usr/bin/unshare', enter, { maxBuffer: 1 << 30, env });
  if (run.error) throw run.error;
  return run;
}

// Every plain file of the root, by its path there.
function filesOf(root) {
  const list = (folder) =>
    fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const at = path.join(folder, entry.name);
      return entry.isDirectory() ? list(at) : [at];
    });
  return list('/');
}

function succeed(run, what) {
  assert.strictEqual(run.status, 0, `${what} failed (${run.status ?? run.signal}): ${run.stderr}`);
  return run.stdout;
}

module.exports = { obstacle, closure, place, makeRoot, runIn, filesOf, succeed };
