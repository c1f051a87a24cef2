// A program that keeps its own ledger says what is outstanding; the report must say the same, whatever the threads did.
// Each size belongs to one call site (size % 16), so that equal sizes are equal call sites.

const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const { program, proving, record, report, scratch } = require('./lib/residue');

const SEEDS = proving ? 1000 : 20;
const STEPS = 20000;

// Blocks by size in the call sites of the program's own blocks.
function sizes(report) {
  const sum = {};
  const own = report.sites.filter((site) => site.stack.some((frame) => /^site_\d$|^step$/.test(frame.function ?? '')));
  for (const { bytes, blocks } of own.flatMap((site) => site.sizes)) sum[bytes] = (sum[bytes] ?? 0) + blocks;
  return sum;
}

function check(t, seed, MODE) {
  const threads = 1 + (seed % 8);
  const folder = scratch(t);
  const mark = threads > 1 && seed % 3 === 0 ? ['mark'] : [];
  const run = record(t, [program('ledger'), String(seed), String(threads), String(STEPS), ...mark], { options: { MODE }, folder });
  assert.strictEqual(run.status, 0);
  const ledgers = run.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepStrictEqual(ledgers.map(({ at }) => at), [...(mark.length ? ['half'] : []), 'exit', 'end']);
  for (const { at, sizes: truth } of ledgers) {
    const got = report(run.trace, ...(at === 'half' ? ['--to', 'half'] : ['--at', at]));
    assert.deepStrictEqual(sizes(got), truth, `seed ${seed} at ${at}`);
    assert.strictEqual(got.recorder.anomalies, 0, `seed ${seed} at ${at}`);
  }
  fs.rmSync(folder, { recursive: true });
}

for (const MODE of ['survivors', 'full'])
  test(`outstanding blocks by size equal the program's own ledger at a mark, at exit() and at the end: ${MODE}, ${SEEDS} seeds`, (t) => {
    for (let seed = 1; seed <= SEEDS; seed++) check(t, seed, MODE);
  });
