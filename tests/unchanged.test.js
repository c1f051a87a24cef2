// Must show 8: programs print and return what they do without the recorder, and an event loop under load is not held
// up.
// Runs alone: it measures time.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const autocannon = require('autocannon');
const { node, proving, record, root, start } = require('./lib/residue');

const MAJORS = [20, 22, 24];
const LOAD_S = proving ? 60 : 5;
const WARM_UP_S = proving ? 5 : 1;
const PAIRS = proving ? 5 : 1;
const BAR_MS = 5;
const script = (name) => path.join(root, 'tests', 'node', name);

for (const major of MAJORS) {
  const programs = { 'node -e 0': ['-e', '0'], 'worker_threads': [script('threads.js')] };
  for (const [name, args] of Object.entries(programs)) {
    test(`node ${major}, ${name}: same output, same exit status`, (t) => {
      const plain = spawnSync(node(major), args, { encoding: 'utf8' });
      const { status, signal, stdout, stderr } = record(t, [node(major), ...args]);
      assert.deepStrictEqual(
        { status, signal, stdout, stderr },
        { status: plain.status, signal: plain.signal, stdout: plain.stdout, stderr: plain.stderr },
      );
    });
  }

  test(`node ${major}, files, pipes and children: same output, same exit status`, async (t) => {
    const lines = async (recorded) => {
      const run = start(t, [node(major), script('mixed.js')], { recorded });
      const all = [];
      for (let line; (line = await run.line()) !== null; ) all.push(line);
      return { all, end: await run.ended };
    };
    assert.deepStrictEqual(await lines(true), await lines(false));
  });
}

const SCHED_OTHER = 0, SCHED_BATCH = 3;

test('the helper is nicer than the program by ten, and no thread of ours takes a processor as it wakes', async (t) => {
  const run = start(t, [node(20), script('server.js')]);
  await run.line();
  const tasks = `/proc/${run.child.pid}/task`;
  const field = (stat, number) => Number(stat.slice(stat.lastIndexOf(')')).split(' ')[number - 2]); // proc(5) counts so
  const niceness = (stat) => field(stat, 19);
  const policy = (stat) => field(stat, 41);
  const read = (id) => {
    try {
      return [fs.readFileSync(path.join(tasks, id, 'stat'), 'utf8')];
    } catch {
      return []; // a thread that has ended meanwhile
    }
  };
  const stats = fs.readdirSync(tasks).flatMap(read);
  const isHelper = (stat) => stat.includes('(residue)');
  const own = niceness(fs.readFileSync('/proc/self/stat', 'utf8'));
  assert.deepStrictEqual([...new Set(stats.filter((stat) => !isHelper(stat)).map(niceness))], [own]);
  assert.deepStrictEqual([...new Set(stats.filter(isHelper).map(niceness))], [Math.min(19, own + 10)]);
  const isOurs = (stat) => /\(residue(-log)?\)/.test(stat);
  assert.deepStrictEqual(stats.filter(isOurs).map(policy), [SCHED_BATCH, SCHED_BATCH]);
  assert.deepStrictEqual([...new Set(stats.filter((stat) => !isOurs(stat)).map(policy))], [SCHED_OTHER]);
  run.child.kill('SIGTERM');
  await run.ended;
});

// One run of the server under load: what it answers, how it ends, and its largest delay.
async function serve(t, major, recorded) {
  const run = start(t, [node(major), script('server.js')], { recorded });
  const url = `http://127.0.0.1:${await run.line()}/`;
  const load = (duration) => autocannon({ url, connections: 20, duration });
  await load(WARM_UP_S);
  run.child.kill('SIGUSR2');
  const { errors, timeouts, non2xx, requests } = await load(LOAD_S);
  const body = await (await fetch(url, { headers: { connection: 'close' } })).text();
  run.child.kill('SIGTERM');
  const delay = Number(await run.line());
  return { answers: { body, errors, timeouts, non2xx, ...(await run.ended) }, delay, rate: requests.average };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

for (const major of MAJORS) {
  test(`node ${major}, a server under load: same answers, same end`, async (t) => {
    const delays = { plain: [], recorded: [] };
    for (let pair = 0; pair < PAIRS; pair++) {
      const plain = await serve(t, major, false);
      const recorded = await serve(t, major, true);
      assert.deepStrictEqual(plain.answers, { ...plain.answers, errors: 0, timeouts: 0, non2xx: 0, status: 0 });
      assert.deepStrictEqual(recorded.answers, plain.answers);
      delays.plain.push(plain.delay);
      delays.recorded.push(recorded.delay);
      t.diagnostic(
        `largest delay in ${LOAD_S} s: ${plain.delay.toFixed(1)} ms, recorded ${recorded.delay.toFixed(1)} ms; ` +
          `requests per second: ${plain.rate}, recorded ${recorded.rate}`,
      );
    }
    if (!proving) return;
    const above = median(delays.recorded) - median(delays.plain);
    assert.ok(above <= BAR_MS, `the largest delay is ${above.toFixed(1)} ms above that of the plain runs`);
  });
}
