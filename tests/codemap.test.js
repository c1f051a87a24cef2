// The fallback for a V8 that is not known: its own code map, caught in memory.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { library, node, proving, record, residue, root, scratch, traces, variables } = require('./lib/residue');

const script = path.join(root, 'tests', 'node', 'codemap.js');
const MAJORS = [18, 20, 22, 24, 26];
const FUNCTIONS = proving ? 10_000 : 500;
const CHURN = 3001;
const SITES = {
  'plain': 2001, 'arrow': 2002, 'method': 2003, '#hidden': 2004, 'fixed': 2005, 'value': 2006, 'later': 2007,
  'steps': 2008, 'callback': 2009,
};
const lines = fs.readFileSync(script, 'utf8').split('\n');

// The bytes that a function of the script allocates at a time, and is it shown at the line where it begins?
function expected(frame) {
  const [, name, , file, line] = /^(.*?)( (\S+):(\d+))?$/.exec(frame);
  const made = /^made_(\d+)$/.exec(name);
  if (made) return { size: CHURN + Number(made[1]), placed: true };
  const size = SITES[name.replace(/^(get |Holder\.)/, '')];
  const text = file === script ? lines[line - 1] : '';
  return { size, placed: size === 2004 ? text.includes('#hidden()') : text.includes(`hold(${size})`) };
}

// What the flame graph says of the buffers that `hold` made: blocks under the function that allocated them, and others. No
// function's size divides what another allocates in all.
function judge(trace) {
  const sum = { right: 0, wrong: [], names: new Set() };
  for (const line of residue('flame', '--metric', 'outstanding', trace).split('\n')) {
    const [, stack, bytes] = /^(.*) (\d+)$/.exec(line) ?? [];
    const at = stack?.lastIndexOf(`;hold ${script}:`) ?? -1;
    if (at < 0 || !stack.endsWith(';node::NodeArrayBufferAllocator::Allocate')) continue;
    const caller = stack.slice(0, at).split(';').findLast((frame) => frame !== '[JavaScript]');
    const { size, placed } = expected(caller);
    if (!placed || bytes % size !== 0) sum.wrong.push(`${caller} ${bytes}`);
    else sum.right += bytes / size;
    sum.names.add(caller);
  }
  return sum;
}

// How often code of another name came to lie where code had been.
function reuses(trace) {
  const lay = new Map();
  let count = 0;
  for (const [, start, name] of residue('dump', trace).matchAll(/ code id=\d+ start=(\S+) .*name="(.*)"$/gm)) {
    if (lay.has(start) && lay.get(start) !== name) count++;
    lay.set(start, name);
  }
  return count;
}

function judgeAll(t, trace) {
  const { right, wrong, names } = judge(trace);
  const reused = reuses(trace);
  t.diagnostic(`${right} blocks right, others: ${wrong.length}; code took the place of other code ${reused} times`);
  assert.deepStrictEqual(wrong, []);
  assert.strictEqual(names.size, Object.keys(SITES).length + 400);
  assert.ok(reused > 40);
}

for (const major of proving ? MAJORS : [20])
  test(`node ${major}, RESIDUE_JS=map: names stay right while ${FUNCTIONS} functions are made and collected, in two isolates`, (t) => {
    const plain = spawnSync(node(major), ['--expose-gc', script, '1'], { encoding: 'utf8' });
    const run = record(t, [node(major), '--expose-gc', script, String(FUNCTIONS)], { options: { JS: 'map' } });
    assert.deepStrictEqual([run.status, run.stderr], [0, '']);
    assert.deepStrictEqual(JSON.parse(run.stdout), JSON.parse(plain.stdout));
    judgeAll(t, run.trace);
  });

const javascript = (trace) => /^  JavaScript +([^]*?)\n\n/m.exec(residue('report', '--top', '1', trace))[1].replace(/\s+/g, ' ');

// A node whose V8 is not known: nothing that tells how its objects are laid out has the name that is looked for.
function unknown(t, major, folder = scratch(t)) {
  const copy = path.join(folder, 'node');
  const { status } = spawnSync('sh', ['-c', 'sed s/v8dbg_/v9dbg_/g "$0" > "$1" && chmod +x "$1"', node(major), copy]);
  assert.strictEqual(status, 0);
  return copy;
}

for (const major of proving ? MAJORS : [24]) {
  test(`node ${major} without the symbols of its layout: the code map names what it can, and the report says so`, (t) => {
    const run = record(t, [unknown(t, major), '--expose-gc', script, '1'], {});
    assert.strictEqual(run.status, 0);
    assert.match(javascript(run.trace), /lacks v8dbg_ symbols: functions are named by V8's code map/);
    const { right, wrong } = judge(run.trace);
    assert.deepStrictEqual(wrong, []);
    assert.ok(right > 2000);
  });

  test(`node ${major} without the symbols of its layout, RESIDUE_JS=frames: no names, and the report says so`, (t) => {
    const run = record(t, [unknown(t, major), '--expose-gc', script, '1'], { options: { JS: 'frames' } });
    assert.strictEqual(run.status, 0);
    assert.strictEqual(javascript(run.trace), 'this build of V8 lacks v8dbg_ symbols');
    assert.deepStrictEqual(judge(run.trace).names.size, 0);
  });
}

for (const major of proving ? MAJORS : [24])
  test(`node ${major}: V8's builtins have their names also where V8 runs a copy of them`, (t) => {
    const { trace } = record(t, [node(major), '--expose-gc', script, '300']);
    const count = (kind) => residue('dump', trace).match(new RegExp(` node .* ${kind} `, 'g'))?.length ?? 0;
    const [nameless, named] = [count('jit'), count('js')];
    t.diagnostic(`${nameless} nodes of generated code without a name, ${named} with one`);
    assert.ok(named > 1000);
    assert.ok(nameless < named / 100);
  });

// Everything below a folder, by name.
const below = (folder) => fs.readdirSync(folder, { recursive: true }).sort();
const notOurs = (name) => !/^(residue|node-compile-cache)/.test(name);

for (const major of proving ? MAJORS : [18, 26])
  test(`node ${major}, RESIDUE_JS=map: no file but the trace, here, in /tmp, or of a child without the recorder`, (t) => {
    const folder = scratch(t);
    const out = scratch(t);
    const left = () => fs.readdirSync('/tmp').filter((name) => /^perf-.*\.map$|v8\.log$/.test(name));
    const before = left();
    const children = `
      const { spawnSync, fork } = require('node:child_process');
      const env = { ...process.env, LD_PRELOAD: '' };
      const options = { cwd: ${JSON.stringify(folder)}, env };
      for (const options of [{ env }, {}]) spawnSync(process.execPath, ['-e', 'require("worker_threads").threadId'], options);
      fork('-', { execArgv: ['-e', '0'] }).on('exit', () => console.log(process.execArgv.length, process.env.NODE_OPTIONS));`;
    const run = spawnSync(node(major), ['-e', children], {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, ...variables(out, { JS: 'map' }) },
    });
    assert.deepStrictEqual([run.status, run.stdout, run.stderr], [0, '2 undefined\n', '']);
    assert.deepStrictEqual(below(folder), []);
    assert.deepStrictEqual(left(), before);
    assert.ok(traces(out).length >= 2);
  });

for (const js of proving ? ['map', 'auto'] : ['map'])
  test(`RESIDUE_JS=${js}: a working directory and a /tmp that are read-only, and no descriptors to spare, do not matter`, (t) => {
    const out = scratch(t);
    const run = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', 'mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp && cd /tmp && ! touch residue-test-ro 2>/dev/null && ulimit -n 64 && exec env LD_PRELOAD="$2" "$0" --expose-gc "$1" 300', node(24), script, library],
      { encoding: 'utf8', env: { ...process.env, RESIDUE_JS: js, RESIDUE_OUT: `/var/tmp/${path.basename(out)}` } },
    );
    t.after(() => fs.rmSync(`/var/tmp/${path.basename(out)}`, { recursive: true, force: true }));
    assert.deepStrictEqual([run.status, run.stderr], [0, '']);
    const { right, wrong } = judge(`/var/tmp/${path.basename(out)}`);
    if (js === 'map') assert.deepStrictEqual(wrong, []); // from V8's objects comes the line at work, not the first
    assert.ok(right > 2000);
  });
