// A program that keeps its own ledger says what is outstanding; the report must say the same, whatever the threads did.

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
  const run = record(t, [program('ledger'), String(seed), String(threads), String(STEPS)], { options: { MODE }, folder });
  assert.strictEqual(run.status, 0);
  const ledgers = run.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.strictEqual(ledgers.length, 2);
  for (const { at, sizes: truth } of ledgers)
    assert.deepStrictEqual(sizes(report(run.trace, '--at', at)), truth, `seed ${seed} at ${at}`);
  fs.rmSync(folder, { recursive: true });
}

for (const MODE of ['survivors', 'full'])
  test(`outstanding blocks by size equal the program's own ledger at exit() and at the end: ${MODE}, ${SEEDS} seeds`, (t) => {
    for (let seed = 1; seed <= SEEDS; seed++) check(t, seed, MODE);
  });
