// Every way by which processes come to be: each image that is executed makes a trace of its own, whatever made it, and the
// program notices nothing.
// Runs alone: it counts what runs.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { library, node, program, proving, report, residue, root, scratch, traces, variables } = require('./lib/residue');
const { dump } = require('./lib/dump');
const { canMount, isRoot, nobody } = require('./lib/worlds');

const CHILDREN = proving ? 1000 : 100;
const script = (name) => path.join(root, 'tests', 'node', name);

function run([name, ...args], env, options) {
  const { status, signal, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', ...options, env: { ...process.env, ...env } });
  return { status, signal, stdout, stderr };
}

// The same output and end with the recorder as without; returns what meta.json says of each trace.
function same(t, argv, { folder = scratch(t), env, ...options } = {}) {
  const plain = run(argv, env, options);
  assert.deepStrictEqual(run(argv, { ...env, ...variables(folder) }, options), plain);
  return metas(folder);
}

const metas = (folder) =>
  traces(folder).map((trace) => ({ trace, ...JSON.parse(fs.readFileSync(path.join(trace, 'meta.json'), 'utf8')) }));

// Allocations of that size that left the nursery, or are still in it.
const made = (trace, size) => dump(trace).filter((record) => record.kind === 'alloc' && record.size === size).length;

const names = (all) => all.map(({ exe }) => path.basename(exe)).sort();

test('exec: the trace ends where the image ends, and the next image has one of its own', (t) => {
  const all = same(t, ['sh', '-c', 'echo first; exec "$0" 1', program('works')]);
  assert.deepStrictEqual(all.map(({ trace }) => path.basename(trace)), [`residue.${all[0].pid}`, `residue.${all[0].pid}.2`]);
  assert.deepStrictEqual(all.map(({ exe }) => path.basename(exe)), ['dash', 'works']);
  for (const { trace } of all) assert.strictEqual(report(trace, '--at', 'end').recorder.anomalies, 0);
});

test('posix_spawn and vfork: what is executed has a trace, the caller\'s is its own', (t) => {
  const python = 'import os, sys\npid = os.posix_spawn(sys.argv[1], [sys.argv[1], "1"], os.environ)\nprint(os.waitpid(pid, 0)[1])';
  assert.deepStrictEqual(names(same(t, ['/usr/bin/python3', '-S', '-u', '-c', python, program('works')])), ['python3.11', 'works']);
});

test('a daemon that forks twice and closes every descriptor is recorded, and finds no byte of ours', (t) => {
  const file = path.join(scratch(t), 'file');
  const python = `
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.chdir('/')
os.closerange(0, 1024)
kept = [bytearray(60001) for i in range(10)]
files = [os.open(sys.argv[1] + str(i), os.O_CREAT | os.O_RDWR, 0o600) for i in range(8)]
more = [bytearray(1000 + i % 100) for i in range(20000)]
for fd in files: os.write(fd, b'%d' % fd)
os.close(os.open(sys.argv[1] + '.done', os.O_CREAT, 0o600))
`;
  const folder = scratch(t);
  assert.deepStrictEqual(run(['/usr/bin/python3', '-S', '-c', python, file], variables(folder)), { status: 0, signal: null, stdout: '', stderr: '' });
  while (!fs.existsSync(`${file}.done`)) spawnSync('sleep', ['0.05']);
  spawnSync('sleep', ['0.2']);
  for (let fd = 0; fd < 8; fd++) assert.strictEqual(fs.readFileSync(file + fd, 'utf8'), String(fd));
  const daemons = metas(folder).filter(({ trace }) => made(trace, 60002) === 10);
  assert.deepStrictEqual(daemons.map(({ forked_from: parent }) => typeof parent.pid), ['number']);
});

test(`${CHILDREN} short children: each has its trace, none disturbs another, and all are listed`, (t) => {
  const all = same(t, [node(20), script('children.js'), String(CHILDREN)]);
  const shells = all.filter(({ exe }) => path.basename(exe) === 'dash');
  assert.strictEqual(shells.length, CHILDREN);
  assert.strictEqual(new Set(all.map(({ trace_id }) => trace_id)).size, all.length);
  assert.strictEqual(all.length, CHILDREN + 1);
  const began = performance.now();
  const lines = residue('list', path.dirname(all[0].trace)).trim().split('\n');
  assert.strictEqual(lines.length, 1 + all.length);
  assert.strictEqual(lines.filter((line) => / exit /.test(line)).length, all.length);
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds < 10, `residue list took ${seconds.toFixed(1)} s`);
});

test('the same pid again, as in a container that is started anew', { skip: canMount ? false : 'only root may make a namespace' }, (t) => {
  const folder = scratch(t);
  const argv = ['unshare', '-pf', '--mount-proc', 'env', ...Object.entries(variables(folder)).map((pair) => pair.join('=')), program('works'), '1'];
  for (let i = 0; i < 3; i++) assert.strictEqual(run(argv).status, 3);
  assert.deepStrictEqual(traces(folder).map((trace) => path.basename(trace)), ['residue.1', 'residue.1.2', 'residue.1.3']);
});

test('cluster: the primary and every worker have traces', (t) => {
  const all = same(t, [node(20), script('cluster.js')]);
  assert.strictEqual(all.length, 3);
  assert.deepStrictEqual(all.map(({ trace }) => made(trace, 60001)).sort(), [0, 1, 1]);
});

for (const mode of proving ? ['fork', 'cluster'] : ['cluster']) {
  test(`pm2, ${mode} mode: every worker has a trace`, async (t) => {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'residue-test-'));
    const folder = scratch(t);
    const env = { PM2_HOME: home, PATH: `${path.dirname(node(20))}:${process.env.PATH}`, ...variables(folder, { ONLY: 'node' }) };
    const pm2 = (...args) => run([node(20), path.join(root, 'tests', 'node_modules', 'pm2', 'bin', 'pm2'), ...args], env);
    t.after(() => {
      pm2('kill'); // it writes into its home to the last
      fs.rmSync(home, { recursive: true, force: true });
    });
    const apps = [{ name: 'worker', script: script('cluster.js'), instances: 2, exec_mode: mode, autorestart: false }];
    const config = path.join(home, 'ecosystem.json');
    fs.writeFileSync(config, JSON.stringify({ apps }));
    const started = pm2('start', config);
    assert.strictEqual(started.status, 0, started.stdout + started.stderr);
    const listed = JSON.parse(pm2('jlist').stdout.trim().split('\n').at(-1));
    assert.deepStrictEqual(listed.map(({ pm2_env: { status, exec_mode } }) => [status, exec_mode]), Array(2).fill(['online', `${mode}_mode`]));
    const pids = listed.map(({ pid }) => pid);
    await sleep(1000);
    const of = (pid) => metas(folder).find((meta) => meta.pid === pid);
    for (const pid of pids) assert.ok(of(pid), `a trace of worker ${pid}`);
    assert.strictEqual(pm2('delete', 'worker').status, 0);
    for (const pid of pids) assert.strictEqual(made(of(pid).trace, 60001), 1);
  });
}

// ---- Where nothing happens ---------------------------------------------------------------------------------------

test('a static program runs as ever, and is not recorded', (t) => {
  const folder = scratch(t);
  const source = path.join(folder, 'static.c');
  fs.writeFileSync(source, '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { free(malloc(10)); puts("static"); return 4; }\n');
  execFileSync('gcc', ['-static', '-o', path.join(folder, 'static'), source]);
  assert.deepStrictEqual(same(t, [path.join(folder, 'static')], { folder }), []);
});

test('env -i: what runs without our variables is not recorded', (t) => {
  assert.deepStrictEqual(names(same(t, ['env', '-i', program('works'), '1'])), ['env']);
});

const elsewhere = isRoot ? false : 'only root may make setuid files';
test('a setuid program runs as ever, and is not recorded', { skip: elsewhere }, (t) => {
  const folder = scratch(t);
  const copy = path.join(folder, 'setuid');
  fs.copyFileSync(program('works'), copy);
  fs.chmodSync(copy, 0o4755);
  fs.chmodSync(folder, 0o777);
  assert.deepStrictEqual(same(t, [...nobody, copy, '1'], { folder }).filter(({ exe }) => exe === copy), []);
});

// The loader preloads into a setuid program what lies in its own folders and is setuid itself: then we must say no.
test('under AT_SECURE the recorder does nothing, even where the loader lets it in', { skip: canMount ? elsewhere : 'only root may mount' }, (t) => {
  const folder = scratch(t);
  const copy = path.join(folder, 'setuid');
  fs.copyFileSync(program('works'), copy);
  fs.chmodSync(copy, 0o4755);
  fs.chmodSync(folder, 0o777);
  const inside = `
    libraries=/usr/lib/x86_64-linux-gnu
    mount -t tmpfs none /mnt && mkdir /mnt/upper /mnt/work
    cp ${library} /mnt/upper/libresidue.so && chmod 4755 /mnt/upper/libresidue.so
    mount -t overlay -o lowerdir=$libraries,upperdir=/mnt/upper,workdir=/mnt/work none $libraries
    RESIDUE_OUT=${folder}/residue.%e LD_PRELOAD=libresidue.so ${nobody.join(' ')} "$0" "$1"
    RESIDUE_OUT=${folder}/residue.%e LD_PRELOAD=libresidue.so ${nobody.join(' ')} "$2" "$1" >/dev/null
    grep -c libresidue.so /proc/self/maps || :`;
  const recorded = run(['unshare', '-m', 'sh', '-c', inside, copy, '1', program('works')]);
  const plain = run([copy, '1']);
  assert.strictEqual(recorded.stdout.replace(/\d+\n$/, ''), plain.stdout);
  assert.strictEqual(recorded.stderr, '');
  assert.ok(fs.existsSync(path.join(folder, 'residue.works')), 'the same, not setuid, is recorded');
  assert.ok(!fs.existsSync(path.join(folder, 'residue.setuid')));
});
