// examples/README.md: every command is run as it stands there, and says what the guide says. Sections 1 to 4 always, the
// others with RESIDUE_PROVE=1.
// Runs alone: it judges curves.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { build, proving, root, scratch } = require('./lib/residue');
const { canLimitMemory } = require('./lib/worlds');

const guide = fs.readFileSync(path.join(root, 'examples', 'README.md'), 'utf8');

// The blocks of commands of a section, by its number.
const blocksOf = (number) => {
  const section = new RegExp(`^## ${number}\\. [^]*?(?=^## |(?![^]))`, 'm').exec(guide)[0];
  return [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, commands]) => commands);
};

// The folders, beside the service or its own, whose packages the guide says to install.
const installed = [...guide.matchAll(/^ {4}npm ci(?: --prefix (\S+))?/gm)].map(([, folder]) => path.join('service', folder ?? '.'));

// The examples in a folder of their own, with the packages that the guide has installed and a port of their own.
function workshop(t) {
  const folder = scratch(t);
  const examples = path.join(folder, 'examples');
  fs.mkdirSync(examples);
  for (const name of ['service', 'sharp-webp', 'other-verdicts'])
    fs.cpSync(path.join(root, 'examples', name), path.join(examples, name), {
      recursive: true, filter: (from) => path.basename(from) !== 'node_modules',
    });
  for (const name of installed)
    fs.cpSync(path.join(root, 'examples', name, 'node_modules'), path.join(examples, name, 'node_modules'), {
      recursive: true, verbatimSymlinks: true,
    });
  const port = 20000 + (process.pid % 20000);
  const service = path.join(examples, 'service');
  const env = {
    ...process.env, PORT: String(port), PM2_HOME: path.join(folder, 'pm2'), PATH: `${build}:${process.env.PATH}`,
  };
  const run = (commands) => {
    const moved = commands.replaceAll('localhost:3000', `localhost:${port}`).replaceAll('localhost:3001', `localhost:${port + 1}`);
    const { status, stdout, stderr } = spawnSync('bash', ['-eu', '-c', moved], { cwd: service, encoding: 'utf8', env, maxBuffer: 1 << 28 });
    assert.strictEqual(status, 0, `${commands}\n${stdout}\n${stderr}`);
    return stdout;
  };
  return { folder, service, port, run };
}

const LEAK = /verdict {7}LEAK of native memory/;

test('the guide leads from suspicion to proof', (t) => {
  const { folder, service, run } = workshop(t);
  const [confirm] = blocksOf(1).map(run);
  const [find] = blocksOf(2).map(run);
  blocksOf(3).forEach(run);
  const [prove, changed] = blocksOf(4).map(run);
  t.diagnostic(/verdict[^]*?\n {2}RSS/.exec(confirm)[0]);
  assert.match(confirm, LEAK);
  assert.match(confirm, /\n#1 [^]*webpsave_buffer[^]*queued by[^]*\n +avatar {2}\S*\/server\.js:17\n[^]*\n#2 /);
  assert.match(find, /JAVASCRIPT BY GROWTH[^]*\n#1 .*\n +of +avatar \S*\/server\.js:17/);
  assert.match(find, /PACKAGES BY GROWTH[^]*\n#1 .*\n +of +@img\/sharp-libvips-linux-x64@1\.0\.4/);
  assert.ok(fs.statSync(path.join(service, 'leaky.html')).size > 100_000);
  const issue = fs.readFileSync(path.join(service, 'issue.md'), 'utf8');
  assert.match(issue, /^# Native memory leak in `vips::VImage::webpsave_buffer`/);
  assert.ok(!issue.includes(folder));
  assert.match(prove, /verdict {7}the leak of A is gone in B/);
  assert.match(prove, /residue check: ok: /);
  assert.match(changed, /^ +change +A +B\n +-\d+\.\d MiB [^]*webpsave_buffer/);
});

const long = proving ? {} : { skip: 'a minute or more: RESIDUE_PROVE=1' };

test('under pm2: fork mode by the app\'s environment, cluster mode by the daemon\'s', long, (t) => {
  const { run } = workshop(t);
  const [fork, cluster] = blocksOf(5).map(run);
  assert.match(fork, LEAK);
  assert.match(fork, /\n#1 [^]*webpsave_buffer[^]*queued by[^]*server\.js:17/);
  assert.match(cluster, /verdict {7}both workers leak/);
  assert.match(cluster, /\nA {2}cluster\.\d+ [^]*\nB {2}cluster\.\d+ [^]*\n {3}all /);
  assert.match(cluster, /\n#1 .* grew in 2 of 2 workers\n[^]*webpsave_buffer/);
});

// A file and the libraries that it needs, at their places in the new root.
function bring(into, ...files) {
  for (const file of files) {
    const needs = spawnSync('ldd', [file], { encoding: 'utf8' }).stdout.match(/\/\S+(?= \()/g) ?? [];
    for (const one of [file, ...needs]) {
      fs.mkdirSync(path.dirname(into + one), { recursive: true });
      fs.copyFileSync(one, into + one);
    }
  }
}

// The image that a Dockerfile makes, in so far as a chroot can be one: COPY, WORKDIR, VOLUME, ENV and CMD.
function imageOf(folder, dockerfile) {
  const image = { root: folder, env: {}, cwd: '/' };
  for (const [, word, rest] of dockerfile.matchAll(/^(COPY|WORKDIR|VOLUME|ENV|CMD) (.*)$/gm)) {
    const words = rest.split(' ');
    if (word === 'WORKDIR') image.cwd = rest;
    if (word === 'ENV') Object.assign(image.env, Object.fromEntries([rest.split('=')]));
    if (word === 'CMD') image.argv = JSON.parse(rest);
    if (word === 'VOLUME') fs.mkdirSync(folder + rest, { recursive: true });
    if (word !== 'COPY') continue;
    const to = folder + words.pop();
    for (const from of words)
      fs.cpSync(path.join(root, from), to.endsWith('/') ? to + path.basename(from) : to, { recursive: true });
  }
  return image;
}

test('in a container: a chroot with a pid namespace does what the Dockerfile says, twice', long, (t) => {
  if (process.getuid() !== 0) return t.skip('chroot wants root');
  const { folder, port } = workshop(t);
  const image = imageOf(path.join(folder, 'root'), fs.readFileSync(path.join(root, 'examples', 'service', 'Dockerfile'), 'utf8'));
  const node = fs.realpathSync(process.execPath);
  const addon = path.join(root, 'examples', 'sharp-webp', 'leaky', 'node_modules', '@img');
  const binaries = fs.readdirSync(addon, { recursive: true }).filter((name) => /\.node$|\.so\./.test(name));
  bring(image.root, node, '/bin/sh', ...['residue', 'libresidue.so'].map((name) => path.join(build, name)),
    ...binaries.map((name) => path.join(addon, name)));
  fs.symlinkSync(node, path.join(image.root, 'bin', 'node'));
  for (const name of ['proc', 'dev', 'tmp']) fs.mkdirSync(path.join(image.root, name), { recursive: true });
  execFileSync('mknod', ['-m', '666', path.join(image.root, 'dev', 'null'), 'c', '1', '3']);
  const inside = (script, env) =>
    execFileSync('unshare', ['--mount', '--pid', '--fork', `--mount-proc=${image.root}/proc`, 'chroot', image.root, '/bin/sh', '-c', `cd ${image.cwd}; ${script}`],
      { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/bin', PORT: String(port), ...env }, maxBuffer: 1 << 28 });
  const saves = `const get = () => fetch('http://127.0.0.1:${port}/avatar').then((r) => r.text()).catch(() => {});
    setTimeout(async () => { for (let i = 0; i < 60; i++) await get(); process.exit(); }, 2000)`;
  // The load runs beside process 1; its end ends the service, as \`docker stop\` would.
  const start = () => inside(`(${Object.keys(image.env).map((name) => `${name}=`).join(' ')} node -e "${saves}"; kill -TERM 1) & ${
    Object.entries(image.env).map(([name, value]) => `export ${name}=${value};`).join(' ')} exec ${image.argv.join(' ')}`);
  start();
  start();
  assert.deepStrictEqual(fs.readdirSync(path.join(image.root, 'data')).sort(), ['residue.1', 'residue.1.2']);
  for (const trace of ['residue.1', 'residue.1.2']) {
    const report = inside(`/opt/residue/residue report --top 1 /data/${trace}`);
    assert.match(report, /process {7}pid 1, node v/);
    assert.match(report, /\n#1 [^]*webpsave_buffer[^]*\n +avatar {2}\/app\/examples\/service\/server\.js:17/);
  }
});

test('in CI: the fixed version passes, the leaky one does not', long, (t) => {
  const { run } = workshop(t);
  const [said] = blocksOf(7).map(run);
  t.diagnostic(said);
  assert.match(said, /residue check: ok: native memory grew by \S+ \S+ a request/);
  assert.match(said, /residue check: FAILED: native memory grew by \+\d+\.\d KiB a request/);
});

test('a worker that the OOM killer ended leaves a trace that is complete', long, (t) => {
  if (!canLimitMemory()) return t.skip('no memory cgroup can be made here (tests/sigkill.test.js kills instead)');
  const { run } = workshop(t);
  const [said] = blocksOf(8).map(run);
  assert.match(said, /ended by signal 9 *\n? *\(Killed\)/);
  assert.match(said, /\n#1 [^]*webpsave_buffer/);
  assert.doesNotMatch(said, /NOT EXACT/);
});

test('plateau, retention and js-heap are told, with what to do', long, (t) => {
  const { run } = workshop(t);
  const [cache, retention, heap] = blocksOf(9).map(run);
  assert.match(cache, /verdict {7}PLATEAU[^]*JAVASCRIPT BY OUTSTANDING[^]*\n#1 .*\n +of +answer\s+\S*worker\.js:/);
  assert.match(retention, /verdict {7}RETENTION/);
  assert.match(heap, /verdict {7}JAVASCRIPT HEAP/);
  assert.match(heap, /\nHeap\.\S+\.heapsnapshot\n$/);
});
