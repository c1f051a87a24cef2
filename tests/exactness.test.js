// Must show 2: for deterministic programs of Debian the trace holds exactly the allocations, frees and bytes that
// valgrind's memcheck counts, and at the very end exactly the blocks and bytes that it finds in use at exit.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const { onlyTrace, report, scratch, variables } = require('./lib/residue');
const { heap } = require('./lib/dump');
const { environments, memcheck } = require('./lib/valgrind');
const { programs } = require('./lib/debian-programs');

test('totals equal those of valgrind', async (t) => {
  const folder = scratch(t);
  const { LD_PRELOAD, ...rest } = variables(folder);
  const env = environments(folder, LD_PRELOAD, rest);

  for (const [name, argv, text] of programs(folder)) {
    await t.test(name, (t) => {
      const out = scratch(t);
      const input = Buffer.from(text ?? '');
      const judged = memcheck(argv, { cwd: folder, input, env: env.judged });

      // Only the program itself is recorded: setarch (no address randomisation, as under valgrind) and env are not.
      // The trace's folder has a name as long as the one that valgrind's run was told.
      const recorded = { ...env.recorded, RESIDUE_OUT: variables(out).RESIDUE_OUT };
      assert.strictEqual(recorded.RESIDUE_OUT.length, env.judged.RESIDUE_OUT.length);
      const assignments = Object.entries(recorded).map(([key, value]) => `${key}=${value}`);
      const run = spawnSync('setarch', ['-R', 'env', '-i', ...assignments, ...argv], { cwd: folder, input });

      assert.strictEqual(run.stderr.toString(), '');
      assert.strictEqual(run.status, judged.status);
      assert.ok(run.stdout.equals(judged.stdout), 'both runs print the same');
      const trace = onlyTrace(out);
      const { status, stdout, ...totals } = judged;
      assert.deepStrictEqual(heap(trace), totals);

      const atEnd = report(trace, '--at', 'end');
      const sum = (field) => atEnd.sites.reduce((total, site) => total + site[field], 0);
      assert.strictEqual(sum('outstanding_blocks'), judged.leftBlocks);
      assert.strictEqual(sum('outstanding_bytes'), judged.leftBytes);
      assert.strictEqual(atEnd.recorder.anomalies, 0);
      assert.strictEqual(atEnd.recorder.dropped, 0);
    });
  }
});
