// What runs out, is forbidden or is not there. In each of these worlds the program prints what it prints there without us
// and ends in the same way; the recorder says at most one line. Then either recording goes on and is exact, or it stops,
// and what was recorded until then can be read.
// Runs alone: it takes what there is of a resource.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, library, node, outstanding, preload, program, proving, report, scratch, traces, variables } = require('./lib/residue');
const { canLimitMemory, canMount, cgroup, denied, formatted, isRoot, limited, mounted, nobody } = require('./lib/worlds');

const KEPT = 2 * 4096; // by programs/works.c, of 1,000 to 1,015 bytes
const CGROUP_BYTES = 32_000_000;

function run(world, argv, options) {
  const [name, ...args] = [...world, ...argv];
  const { status, signal, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', ...options });
  return { status, signal, stdout, stderr };
}

// Run a program in a world, without and with the recorder. The world is not recorded, and the traces are looked for by
// `ls`, within it.
function both(world, argv, folder, { options, out, ...rest } = {}) {
  const preload = { ...variables(folder, options), ...(out ? { RESIDUE_OUT: out } : {}) };
  const assignments = Object.entries(preload).map(([name, value]) => `${name}=${value}`);
  const plain = run(world, argv, rest);
  const recorded = run(world, ['env', ...assignments, ...argv], rest);
  return { plain, recorded };
}

function unharmed({ plain, recorded }, line) {
  assert.deepStrictEqual({ ...recorded, stderr: plain.stderr }, plain);
  assert.strictEqual(recorded.signal, null);
  const said = recorded.stderr.replace(plain.stderr, '');
  if (line) assert.match(said, /^residue: [^\n]+\n$/);
  else assert.strictEqual(said, '');
  if (line) assert.match(said, line);
}

const readable = (trace) => spawnSync(command, ['report', trace], { encoding: 'utf8' });

function exact(folder, kept = KEPT) {
  const found = traces(folder);
  assert.strictEqual(found.length, 1);
  const { recorder, ...rest } = report(found[0], '--at', 'end');
  assert.deepStrictEqual(
    { dropped: recorder.dropped, anomalies: recorder.anomalies, problems: recorder.problems, lost: recorder.lost_segments },
    { dropped: 0, anomalies: 0, problems: 0, lost: 0 },
  );
  assert.strictEqual(outstanding(rest, (size) => size >= 1000 && size < 1016).blocks, kept);
  return JSON.parse(fs.readFileSync(path.join(found[0], 'meta.json'), 'utf8'));
}

// ---- System calls that fail --------------------------------------------------------------------------------------

const STOPS = {
  'open=EMFILE': /cannot create the files of a writer: Too many open files/,
  'create=ENOSPC': /cannot create the files of a writer: No space left/,
  'create=ENFILE': /Too many open files in system/,
  'append=EMFILE': /cannot write the log: Too many open files/,
  'append=EACCES': /cannot write the log: Permission denied/,
  'write=EDQUOT': /Disk quota exceeded/,
  'write=EIO': /Input\/output error/,
  'mkdir=EROFS': /cannot make the trace directory: Read-only file system/,
  'madvise=ENOSYS': /cannot wipe memory on fork/,
};
const GOES_ON = {
  'map-shared=ENODEV': 'private',
  'fallocate=EOPNOTSUPP': 'private',
  'fallocate=ENOSPC': 'private',
  'statfs=ENOSYS': 'private',
  'ftruncate=EIO': 'file',
  'prlimit64=EPERM': 'file',
  'readlink=EACCES': 'file',
  'getrandom=ENOSYS': 'file',
  'close_range=ENOSYS': 'file',
  'clone=EPERM': 'file',
  'prctl=EPERM': 'file',
  'tgkill=EPERM': 'file',
  'sched_yield=ENOSYS': 'file',
  'sigprocmask=EPERM': 'file',
};

for (const [call, line] of Object.entries(STOPS)) {
  test(`${call}: one line, and recording stops`, (t) => {
    const folder = scratch(t);
    unharmed(both(denied(call), [program('works')], folder, { options: { MODE: 'full' } }), line);
    for (const trace of traces(folder)) {
      const { status, stdout, stderr } = readable(trace);
      assert.ok(status === 0 ? /the recorder stopped|no samples/.test(stdout) : /not a trace|meta.json/.test(stderr), stdout + stderr);
    }
  });
}

for (const [call, kind] of Object.entries(GOES_ON)) {
  test(`${call}: recording goes on, the live part is ${kind}`, (t) => {
    const folder = scratch(t);
    unharmed(both(denied(call), [program('works')], folder));
    assert.strictEqual(exact(folder).live.kind, kind);
  });
}

for (const call of ['append=EMFILE', 'write=ENOSPC', 'map-shared=ENODEV']) {
  test(`node with ${call}`, (t) => {
    const script = `
      const kept = Array.from({ length: 2000 }, (_, i) => Buffer.allocUnsafeSlow(9000 + i));
      require('node:crypto').pbkdf2('a', 'b', 1000, 8, 'sha1', (error, key) => console.log(key.toString('hex'), kept.length));
      process.exitCode = 4;
    `;
    const pair = both(denied(call), [node(20), '-e', script], scratch(t), { options: { MODE: 'full' } });
    unharmed(pair, call.startsWith('map') ? null : /./);
    assert.strictEqual(pair.plain.status, 4);
  });
}

const limitsMemory = { skip: !proving ? 'ten seconds: RESIDUE_PROVE=1' : canLimitMemory() ? false : 'no memory cgroup can be made here' };

for (const argv of [[program('works')], [node(20), '-e', 'console.log(Array.from({ length: 9000 }, (_, i) => Buffer.allocUnsafeSlow(9000 + i)).length)']]) {
  test(`${path.basename(argv[0])} in a sandbox that answers forbidden calls by SIGSYS: one line, and recording stops`, (t) => {
    const folder = scratch(t);
    const traps = preload(t, 'traps');
    const { LD_PRELOAD, ...rest } = variables(folder, { MODE: 'full' });
    const inside = (env) => run([], ['env', ...Object.entries(env).map((pair) => pair.join('=')), ...argv]);
    const pair = { plain: inside({ LD_PRELOAD: traps }), recorded: inside({ ...rest, LD_PRELOAD: `${LD_PRELOAD}:${traps}` }) };
    unharmed(pair, /cannot (write the log|create the files of a writer): Operation not permitted/);
    assert.strictEqual(readable(traces(folder)[0]).status, 0);
  });
}

// ---- Descriptors, limits -----------------------------------------------------------------------------------------

const HUNGRY = [program('works'), '100', 'hungry'];

test('every descriptor is taken: none is missing, and recording goes on', (t) => {
  const folder = scratch(t);
  const pair = both(limited('--nofile=64'), HUNGRY, folder, { options: { MODE: 'full' } });
  unharmed(pair);
  assert.match(pair.plain.stdout, /^descriptors up to 63$/m);
  exact(folder);
});

for (const call of ['close_range=ENOSYS', 'clone=EPERM']) {
  test(`every descriptor is taken, and ${call}: none is missing, recording stops`, (t) => {
    const folder = scratch(t);
    const pair = both([...denied(call), ...limited('--nofile=64')], HUNGRY, folder, { options: { MODE: 'full' } });
    unharmed(pair, /cannot (write the log|create the files of a writer): Too many open files/);
    assert.match(pair.plain.stdout, /^descriptors up to 63$/m);
    assert.strictEqual(readable(traces(folder)[0]).status, 0);
  });
}

for (const [bytes, line] of [[100_000, null], [700_000, /cannot write the log: File too large/]]) {
  test(`files may not grow beyond ${bytes} bytes: no SIGXFSZ`, (t) => {
    const pair = both(limited(`--fsize=${bytes}`), [program('works'), '400'], scratch(t), { options: { MODE: 'full' } });
    unharmed(pair, line ?? /File too large/);
  });
}

test('one descriptor is free: recording goes on with it', (t) => {
  const folder = scratch(t);
  unharmed(both(limited('--nofile=4'), [program('small'), '20000'], folder, { options: { MODE: 'full' } }));
  exact(folder, 64);
});

test('a memory cgroup at its limit: the log is larger than the limit, and is whole', limitsMemory, (t) => {
  const folder = scratch(t);
  unharmed(both(cgroup(CGROUP_BYTES), [program('works'), '4500'], folder, { options: { MODE: 'full' } }));
  exact(folder);
  const [trace] = traces(folder);
  const log = fs.readdirSync(trace).reduce((sum, name) => sum + fs.statSync(path.join(trace, name)).size, 0);
  assert.ok(log > CGROUP_BYTES, `${log} bytes`);
});

test('a memory cgroup at its limit: the program is killed as ever, and what it held is on record', limitsMemory, (t) => {
  const folder = scratch(t);
  const script = 'kept = []; setInterval(() => { kept.push(Buffer.alloc(1000003, 1)); console.log(kept.length) })';
  const { plain, recorded } = both(cgroup(200_000_000), [node(20), '-e', script], folder);
  assert.strictEqual(plain.status, 128 + 9);
  assert.strictEqual(recorded.status, 128 + 9);
  const said = Number(recorded.stdout.trim().split('\n').at(-1));
  const { blocks } = outstanding(report(traces(folder)[0]), (size) => size === 1000003);
  assert.ok(said > 50 && (blocks === said || blocks === said + 1), `${blocks} on record, the program said ${said}`);
});

// A recorder needs memory of its own, and has none when the program's limit leaves no room for it.
for (const megabytes of [40, 80, 120, 240, 480]) {
  test(`${megabytes} MB of address space`, (t) => {
    const world = limited(`--as=${megabytes * 1_000_000}`);
    const folder = scratch(t);
    const pair = both(world, [program('small'), '20000'], folder);
    unharmed(pair, pair.recorded.stderr ? /./ : null);
    assert.strictEqual(pair.plain.status, 0);
    if (megabytes >= 120) assert.strictEqual(pair.recorded.stderr, '');
  });
}

// ---- File systems ------------------------------------------------------------------------------------------------

const privileged = (name, body) => test(name, { skip: canMount ? false : 'only root may mount' }, body);

// What a full disk makes of it: `kilobytes` are left in the world's own folder.
function full(t, world, folder, what) {
  const out = path.join(folder, 'residue.%p');
  const script = `
    env RESIDUE_OUT=${out} LD_PRELOAD=${library} RESIDUE_MODE=full "$@"
    echo "ended with $?"
    for trace in ${folder}/residue.*; do ${command} report $trace >/dev/null && echo readable; done`;
  const argv = [program('works'), '200'];
  const plain = run([], argv);
  const { stdout, stderr } = run(world, ['sh', '-c', script, 'sh', ...argv]);
  assert.ok(stdout.startsWith(`${plain.stdout}ended with 3\n`), `${what}: ${stdout}${stderr}`);
  const lines = stderr.split('\n').filter((line) => !/^residue report: .*not a trace/.test(line));
  assert.ok(lines.length <= 2 && /^(residue: [^\n]+)?$/.test(lines[0]), `${what}: ${stderr}`);
  return { stopped: lines[0] !== '', readable: /readable/.test(stdout) };
}

privileged('a tmpfs of any small size: the program is unharmed, what was recorded is readable', (t) => {
  const folder = scratch(t);
  const results = [4, 64, 400, 760, 1100, 1500, 1600, 64000].map((kilobytes) =>
    full(t, mounted(`mount -t tmpfs -o size=${kilobytes}k none "$0"`, folder), folder, `${kilobytes} KB`),
  );
  assert.deepStrictEqual(results.at(-1), { stopped: false, readable: true });
  assert.ok(results.some(({ stopped, readable }) => stopped && readable), 'some are full in the middle of it');
});

const DISKS = [
  ['ext4', 8, ['-m', '0'], [0, 100, 800, 1200, 5000]],
  ['btrfs', 110, [], [0, 800]],
];
for (const [kind, size, options, kilobytes] of proving ? DISKS : DISKS.slice(0, 1)) {
  privileged(`a full ${kind}`, (t) => {
    const folder = path.join(scratch(t), kind);
    fs.mkdirSync(folder);
    const results = kilobytes.map((left) => {
      const fill = `size=$(df --output=avail -k "$0" | tail -1)
        [ $size -le ${left} ] || head -c $(( (size - ${left}) * 1024 )) /dev/urandom 2>/dev/null > "$0/filler" || :
        sync -f "$0"`;
      const [unshare, m, sh, flag, script, at] = formatted(kind, folder, size << 20, ...options);
      const world = [unshare, m, sh, flag, script.replace(/\nexec/, `\n${fill}\nexec`), at];
      return full(t, world, folder, `${left} KB left`);
    });
    assert.ok(results.some(({ stopped }) => stopped), JSON.stringify(results));
  });
}

const TMPFS = (options) => `mount -t tmpfs${options ? ` -o ${options}` : ''} none`;

// The file systems on which live files cannot stay: overlay as in a container, ramfs as one that nobody knows.
const overlay = `${TMPFS()} /mnt; mkdir /mnt/lower /mnt/upper /mnt/work
  mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work none "$0"`;
const PLACES = {
  'an overlay': [overlay, 'shm'],
  'an overlay, and /dev/shm is full': [`${overlay}; ${TMPFS('size=64k')} /dev/shm`, 'private'],
  'an overlay, and there is no /dev/shm': [`${overlay}; umount -l /dev/shm 2>/dev/null || :; mount -t ramfs none /dev`, 'private'],
  'a ramfs, and /dev/shm is read-only': [`mount -t ramfs none "$0"; ${TMPFS('ro')} /dev/shm`, 'private'],
};
for (const [name, [script, kind]] of Object.entries(PLACES)) {
  privileged(`the trace is on ${name}: the live part is ${kind}`, (t) => {
    const folder = scratch(t);
    const copied = path.join(scratch(t), 'out');
    // What is in the world is lost with it: the trace is copied out of it, with what is in /dev/shm.
    const keep = `"$@"; status=$?; cp -r "$0" '${copied}'; cp -r /dev/shm/residue.*/*.live '${copied}'/residue.* 2>&- || :; exit $status`;
    const world = mounted(script, folder);
    const argv = ['env', ...Object.entries(variables(folder)).map((pair) => pair.join('=')), program('works')];
    const { status, stderr } = run(world, ['sh', '-c', keep, folder, ...argv]);
    assert.deepStrictEqual({ status, stderr }, { status: 3, stderr: '' });
    const [trace] = traces(copied);
    assert.strictEqual(JSON.parse(fs.readFileSync(path.join(trace, 'meta.json'), 'utf8')).live.kind, kind);
    if (kind === 'private') exact(copied);
  });
}

privileged('a read-only file system: one line', (t) => {
  const folder = scratch(t);
  unharmed(both(mounted(`${TMPFS('ro')} "$0"`, folder), [program('works')], folder), /trace directory: Read-only file system/);
});

test('a folder of somebody else: one line', { skip: isRoot ? false : 'only root may be somebody else' }, (t) => {
  const folder = scratch(t);
  fs.chmodSync(folder, 0o755);
  unharmed(both(nobody, [program('works')], folder), /cannot make the trace directory: Permission denied/);
});

// ---- What is not there, or not as usual --------------------------------------------------------------------------

const CLOCKSOURCE = '/sys/devices/system/clocksource/clocksource0/current_clocksource';
const MISSING = {
  '/proc is not mounted': 'umount -l /proc',
  'neither /proc nor /sys nor /dev is there': 'for each in /sys /dev /proc; do mount -t ramfs none $each; done',
  'the kernel does not trust the TSC': `echo hpet >"$0/clock"; mount --bind "$0/clock" ${CLOCKSOURCE}`,
};
for (const [name, script] of Object.entries(MISSING)) {
  privileged(`${name}: recording goes on`, (t) => {
    const folder = scratch(t);
    unharmed(both(mounted(script, folder), [program('works')], folder));
    const { clock } = exact(folder);
    if (/TSC/.test(name)) assert.strictEqual(clock.source, 'monotonic');
  });
  privileged(`node, and ${name}`, (t) => {
    const folder = scratch(t);
    unharmed(both(mounted(script, folder), [node(20), '-e', 'console.log(Buffer.alloc(1e6).length); process.exit(7)'], folder));
    assert.strictEqual(readable(traces(folder)[0]).status, 0);
  });
}

test('the clock is set back by an hour: the trace is as long as the run', (t) => {
  const folder = scratch(t);
  const { LD_PRELOAD, ...rest } = variables(folder);
  const env = { ...process.env, ...rest, LD_PRELOAD: `${LD_PRELOAD}:${preload(t, 'clock_back')}` };
  const script = `
    const first = Date.now(), kept = [];
    const timer = setInterval(() => kept.push(Buffer.allocUnsafeSlow(50001)), 20);
    setTimeout(() => (process.env.CLOCK_BACK = 'yes'), 300);
    setTimeout(() => console.log(Date.now() < first), 500);
    setTimeout(() => console.log(clearInterval(timer) ?? performance.now() / 1000), 900);
  `;
  const { status, stdout, stderr } = run([], [node(20), '-e', script], { env });
  const [isBack, ran] = stdout.trim().split('\n');
  assert.deepStrictEqual({ status, isBack, stderr }, { status: 0, isBack: 'true', stderr: '' });
  const { process: described, ...result } = report(traces(folder)[0]);
  const { duration_s: recorded } = described;
  assert.ok(recorded > ran - 0.2 && recorded < Number(ran) + 30, `${recorded} s, it ran for ${ran} s`);
  assert.ok(outstanding(result, (size) => size === 50001).blocks > 10);
});
