// A server under load for half an hour, marked and reported meanwhile: no request fails, every report is whole, and neither
// the recorder's own memory nor its log grows beyond what was said. RESIDUE_SOAK_SECONDS makes it longer or shorter.
// Runs alone: it measures time.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { setTimeout: sleep } = require('node:timers/promises');
const autocannon = require('autocannon');
const { command, node, proving, root, start } = require('./lib/residue');

const SECONDS = Number(process.env.RESIDUE_SOAK_SECONDS ?? (proving ? 1800 : 6));
const ROUNDS = SECONDS < 60 ? 3 : 20;
const OWN_MOST = 64 << 20; // README: what the recorder takes at first, and for stacks that are new
const LOG_BYTES_PER_REQUEST = 100; // once half of the time is over

// Not spawnSync: the load comes from this process.
const residue = async (...args) => (await promisify(execFile)(command, args, { maxBuffer: 1 << 30 })).stdout;

const bytesIn = (trace) => fs.readdirSync(trace).reduce((sum, name) => sum + fs.statSync(path.join(trace, name)).size, 0);

// Mark the moment, and see that all is well until there.
async function look(trace, marks) {
  const began = performance.now();
  marks.push(`round${marks.length + 1}`);
  await residue('mark', trace, marks.at(-1));
  const { process, recorder, ledger, marks: known, sites } = JSON.parse(await residue('report', '--json', trace));
  assert.strictEqual(process.end, 'running');
  assert.deepStrictEqual(known.map(({ name }) => name), marks);
  const { dropped, anomalies, lost_segments, problems, events } = recorder;
  assert.deepStrictEqual({ dropped, anomalies, lost_segments, problems }, { dropped: 0, anomalies: 0, lost_segments: 0, problems: 0 });
  assert.ok(sites.length > 0);
  const own = ledger.find(({ id }) => id === 'tracer').end_bytes;
  assert.ok(own > 0 && own <= OWN_MOST, `the recorder itself has ${own} bytes`);
  return { own, events, log: bytesIn(trace), seconds: (performance.now() - began) / 1000 };
}

test(`a server under load for ${SECONDS} s, ${ROUNDS} times marked and reported: no failed request, bounded log, bounded memory`, async (t) => {
  const run = start(t, [node(20), path.join(root, 'tests', 'node', 'server.js')]);
  const url = `http://127.0.0.1:${await run.line()}/`;
  const trace = run.trace();
  let requests = 0;
  const load = autocannon({ url, connections: 20, duration: SECONDS }).on('response', () => requests++);
  const marks = [];
  const seen = [];
  for (let i = 0; i < ROUNDS; i++) {
    await sleep((SECONDS * 1000) / (ROUNDS + 1) - (seen.at(-1)?.seconds ?? 0) * 1000);
    seen.push({ ...(await look(trace, marks)), requests });
    t.diagnostic(JSON.stringify(seen.at(-1)));
  }
  const { errors, timeouts, non2xx } = await load;
  assert.deepStrictEqual({ errors, timeouts, non2xx }, { errors: 0, timeouts: 0, non2xx: 0 });
  run.child.kill('SIGTERM');
  assert.deepStrictEqual(await run.ended, { status: 0, signal: null });

  const [half, last] = [seen[seen.length >> 1], seen.at(-1)];
  const perRequest = (last.log - half.log) / (last.requests - half.requests);
  t.diagnostic(`${perRequest.toFixed(1)} bytes of log a request`);
  assert.ok(perRequest <= LOG_BYTES_PER_REQUEST, `${perRequest} bytes of log a request`);
  const { verdict, recorder } = JSON.parse(await residue('report', '--json', trace));
  t.diagnostic(verdict.text);
  assert.strictEqual(recorder.anomalies, 0);
  if (SECONDS >= 60) assert.notStrictEqual(verdict.kind, 'leak');
});
