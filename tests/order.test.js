// Must show 3: 16 threads pass blocks through queues, so that almost every block is freed by another thread than the
// one that made it and its address is at once used again. The order of events must come out without a contradiction.

const { test } = require('node:test');
const assert = require('node:assert');
const { program, proving, record, report } = require('./lib/residue');

const BLOCKS = proving ? 10_000_000 : 1_000_000;

for (const MODE of ['survivors', 'full']) {
  test(`${MODE}: ${BLOCKS} blocks, no anomaly, exactly the kept ones outstanding`, (t) => {
    const { status, stdout, trace } = record(t, [program('queues'), String(BLOCKS)], { options: { MODE } });
    assert.strictEqual(status, 0);
    const ledger = JSON.parse(stdout);
    const { sites, recorder } = report(trace, '--at', 'end');
    assert.strictEqual(recorder.anomalies, 0);
    assert.strictEqual(recorder.dropped, 0);

    const produced = sites.filter((site) => site.stack[0]?.function === 'produce');
    const sum = (field) => produced.reduce((total, site) => total + site[field], 0);
    assert.strictEqual(sum('allocated_calls'), ledger.allocated_blocks);
    assert.strictEqual(sum('allocated_bytes'), ledger.allocated_bytes);
    assert.strictEqual(sum('outstanding_blocks'), ledger.kept_blocks);
    assert.strictEqual(sum('outstanding_bytes'), ledger.kept_bytes);
  });
}
